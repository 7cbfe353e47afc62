/* keeps the library non-empty */
typedef int support_is_never_empty;
