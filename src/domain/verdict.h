/* SPDX-License-Identifier: Apache-2.0
 * verdict.h - what must happen, in rising order. Verdicts only rise within their scope.
 */
#ifndef AIRE_DOMAIN_VERDICT_H
#define AIRE_DOMAIN_VERDICT_H

enum verdict { VERDICT_ALLOW, VERDICT_NOTE, VERDICT_REDACT, VERDICT_ESCALATE, VERDICT_BLOCK };

static inline const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {"allow", "note", "redact", "escalate", "block"};
    return names[verdict];
}

/* How a guardrail, limit, gate or tier rule acts. */
enum mode { MODE_OFF, MODE_OBSERVE, MODE_ENFORCE };
#define MODE_CHOICES "off|observe|enforce"

static inline const char *mode_name(enum mode mode)
{
    static const char *const names[] = {"off", "observe", "enforce"};
    return names[mode];
}

#endif
