/* SPDX-License-Identifier: Apache-2.0
 * guard_settings.c - every setting of a set of guardrails once. */
#include "security/guard_settings.h"

#define COUNT(array)     (sizeof(array) / sizeof((array)[0]))
#define AT(type, member) .offset = offsetof(struct type, member)

static const struct setting hook_settings[] = {
    {"mode", SETTING_CHOICE, AT(hook_conf, mode), "off", .choices = MODE_CHOICES,
     .help = "off, observe or enforce"},
    {"url", SETTING_TEXT, AT(hook_conf, url), "",
     .help = "http:// or https:// address that is asked by POST"},
    {"timeout", SETTING_DURATION_MS, AT(hook_conf, timeout_ms), "300ms", 1, 60000,
     .help = "from asking to the whole verdict"},
    {"on_error", SETTING_CHOICE, AT(hook_conf, on_error), "closed", .choices = "closed|open",
     .help = "no verdict in time: closed blocks, open lets pass; both say not evaluated"},
    {"max", SETTING_SIZE_BYTES, AT(hook_conf, text_max), "1MiB", 1024, 16777216.0,
     .help = "text it is shown at most; longer text is not evaluated"},
};
static const struct section webhook_section = {"webhook", hook_settings, COUNT(hook_settings),
                                               sizeof(struct hook_conf),
                                               "an external judge, asked by HTTP"};
static const struct section opinion_section = {
    "second_opinion", hook_settings, COUNT(hook_settings), sizeof(struct hook_conf),
    "an external classifier's view of what the built-in one let pass"};

static const struct setting injection_settings[] = {
    {"mode", SETTING_CHOICE, AT(injection_conf, mode), "enforce", .choices = MODE_CHOICES,
     .standard = "S6", .help = "off, observe or enforce"},
    {"threshold", SETTING_DOUBLE, AT(injection_conf, threshold), "0.8", 0.01, 1.0, .standard = "S6",
     .help = "score from which a text is an injection"},
    {"second_opinion", SETTING_SECTION, AT(injection_conf, second_opinion),
     .section = &opinion_section, .standard = "S6", .help = "second-model validation"},
};
static const struct section injection_section = {
    "injection", injection_settings, COUNT(injection_settings), sizeof(struct injection_conf),
    "instructions that try to overrule those of a higher rank"};

static const struct setting pii_settings[] = {
    {"mode", SETTING_CHOICE, AT(pii_conf, mode), "observe", .choices = MODE_CHOICES,
     .standard = "S3", .help = "off, observe or enforce"},
    {"action", SETTING_CHOICE, AT(pii_conf, action), "redact", .choices = ACTION_CHOICES,
     .help = "what happens to personal data"},
    {"restore", SETTING_CHOICE, AT(pii_conf, restore), "user", .choices = "user|none",
     .standard = "S7", .help = "whether the user's own answer shows the values again"},
    {"entities", SETTING_TEXT_LIST, AT(pii_conf, entities), NULL, 0, 64,
     .help = "what is looked for; default: everything that has a checkable structure"},
    {"each", SETTING_TREE, AT(pii_conf, each), .help = "entity: action, where it differs"},
};
static const struct section pii_section = {"pii", pii_settings, COUNT(pii_settings),
                                           sizeof(struct pii_conf), "personal data"};

static const struct setting secrets_settings[] = {
    {"mode", SETTING_CHOICE, AT(secrets_conf, mode), "observe", .choices = MODE_CHOICES,
     .standard = "S4", .help = "off, observe or enforce"},
    {"action", SETTING_CHOICE, AT(secrets_conf, action), "block", .choices = ACTION_CHOICES,
     .help = "what happens to credentials"},
};
static const struct section secrets_section = {"secrets", secrets_settings, COUNT(secrets_settings),
                                               sizeof(struct secrets_conf), "credentials"};

static const struct setting sanitize_settings[] = {
    {"mode", SETTING_CHOICE, AT(mode_conf, mode), "enforce", .choices = MODE_CHOICES,
     .standard = "S6", .help = "off, observe or enforce"},
};
static const struct section sanitize_section = {"sanitize", sanitize_settings,
                                                COUNT(sanitize_settings), sizeof(struct mode_conf),
                                                "characters nobody sees and special tokens"};

static const struct setting hierarchy_settings[] = {
    {"mode", SETTING_CHOICE, AT(mode_conf, mode), "observe", .choices = MODE_CHOICES,
     .standard = "S6", .help = "off, observe or enforce"},
};
static const struct section hierarchy_section = {
    "hierarchy", hierarchy_settings, COUNT(hierarchy_settings), sizeof(struct mode_conf),
    "system over developer over user over tool result over retrieved text"};

static const struct setting profanity_settings[] = {
    {"mode", SETTING_CHOICE, AT(profanity_conf, mode), "off", .choices = MODE_CHOICES,
     .standard = "S3", .help = "off, observe or enforce"},
    {"action", SETTING_CHOICE, AT(profanity_conf, action), "redact", .choices = ACTION_CHOICES,
     .help = "what happens to the word"},
    {"languages", SETTING_TEXT_LIST, AT(profanity_conf, languages), NULL, 0, 16,
     .help = "word lists by ISO 639-1 code; default: all there are"},
};
static const struct section profanity_section = {
    "profanity", profanity_settings, COUNT(profanity_settings), sizeof(struct profanity_conf),
    "swear words and slurs"};

static const struct setting length_settings[] = {
    {"mode", SETTING_CHOICE, AT(length_conf, mode), "off", .choices = MODE_CHOICES,
     .standard = "S4", .help = "off, observe or enforce"},
    {"max", SETTING_SIZE_BYTES, AT(length_conf, max), "200KiB", 1, 1073741824.0,
     .help = "bytes of text in all messages together"},
};
static const struct section length_section = {"length", length_settings, COUNT(length_settings),
                                              sizeof(struct length_conf), "how long a text may be"};

static const struct setting rules_settings[] = {
    {"mode", SETTING_CHOICE, AT(rules_conf, mode), "enforce", .choices = MODE_CHOICES,
     .help = "softens every rule of the file: off, observe or enforce"},
    {"file", SETTING_TEXT, AT(rules_conf, file), "", .help = "rule file (docs/guard-rules.md)"},
};
static const struct section rules_section = {"rules", rules_settings, COUNT(rules_settings),
                                             sizeof(struct rules_conf),
                                             "patterns, words and expressions of your own"};

static const struct setting leak_settings[] = {
    {"mode", SETTING_CHOICE, AT(leak_conf, mode), "observe", .choices = MODE_CHOICES,
     .standard = "S4", .help = "off, observe or enforce"},
    {"threshold", SETTING_DOUBLE, AT(leak_conf, threshold), "0.5", 0.05, 1.0,
     .help = "share of the system prompt that an answer may not repeat"},
    {"canary", SETTING_BOOL, AT(leak_conf, canary), "false",
     .help = "add a random word to the system prompt, whose appearance proves a leak"},
};
static const struct section leak_section = {"prompt_leak", leak_settings, COUNT(leak_settings),
                                            sizeof(struct leak_conf),
                                            "the system prompt in an answer"};

static const struct setting input_settings[] = {
    {"injection", SETTING_SECTION, AT(guard_input_conf, injection), .section = &injection_section,
     .standard = "S6", .help = "instructions that try to overrule those of a higher rank"},
    {"pii", SETTING_SECTION, AT(guard_input_conf, pii), .section = &pii_section, .standard = "S3",
     .help = "personal data"},
    {"secrets", SETTING_SECTION, AT(guard_input_conf, secrets), .section = &secrets_section,
     .help = "credentials"},
    {"sanitize", SETTING_SECTION, AT(guard_input_conf, sanitize), .section = &sanitize_section,
     .standard = "S6", .help = "characters nobody sees and special tokens"},
    {"hierarchy", SETTING_SECTION, AT(guard_input_conf, hierarchy), .section = &hierarchy_section,
     .standard = "S6", .help = "who may instruct whom"},
    {"profanity", SETTING_SECTION, AT(guard_input_conf, profanity), .section = &profanity_section,
     .standard = "S3", .help = "swear words and slurs"},
    {"length", SETTING_SECTION, AT(guard_input_conf, length), .section = &length_section,
     .standard = "S3", .help = "how long a request's text may be"},
    {"rules", SETTING_SECTION, AT(guard_input_conf, rules), .section = &rules_section,
     .help = "patterns, words and expressions of your own"},
    {"webhook", SETTING_SECTION, AT(guard_input_conf, webhook), .section = &webhook_section,
     .help = "an external judge"},
};
static const struct section input_section = {"input", input_settings, COUNT(input_settings),
                                             sizeof(struct guard_input_conf),
                                             "what goes to the model"};

static const struct setting output_settings[] = {
    {"pii", SETTING_SECTION, AT(guard_output_conf, pii), .section = &pii_section, .standard = "S4",
     .help = "personal data that the request did not hold"},
    {"secrets", SETTING_SECTION, AT(guard_output_conf, secrets), .section = &secrets_section,
     .standard = "S4", .help = "credentials"},
    {"prompt_leak", SETTING_SECTION, AT(guard_output_conf, prompt_leak), .section = &leak_section,
     .standard = "S4", .help = "the system prompt in an answer"},
    {"hierarchy", SETTING_SECTION, AT(guard_output_conf, hierarchy), .section = &hierarchy_section,
     .standard = "S6", .help = "calls of tools that were not offered"},
    {"profanity", SETTING_SECTION, AT(guard_output_conf, profanity), .section = &profanity_section,
     .help = "swear words and slurs"},
    {"length", SETTING_SECTION, AT(guard_output_conf, length), .section = &length_section,
     .standard = "S4", .help = "how long an answer may be"},
    {"rules", SETTING_SECTION, AT(guard_output_conf, rules), .section = &rules_section,
     .help = "patterns, words and expressions of your own"},
    {"webhook", SETTING_SECTION, AT(guard_output_conf, webhook), .section = &webhook_section,
     .help = "an external judge"},
};
static const struct section output_section = {"output", output_settings, COUNT(output_settings),
                                              sizeof(struct guard_output_conf),
                                              "what comes from the model"};

static const struct setting guardrails_settings[] = {
    {"input", SETTING_SECTION, AT(guardrails_conf, input), .section = &input_section,
     .standard = "S3", .help = "what goes to the model"},
    {"output", SETTING_SECTION, AT(guardrails_conf, output), .section = &output_section,
     .standard = "S4", .help = "what comes from the model"},
};
const struct section guardrails_section = {
    "guardrails.NAME", guardrails_settings, COUNT(guardrails_settings),
    sizeof(struct guardrails_conf), "a set of guardrails that routes name"};
