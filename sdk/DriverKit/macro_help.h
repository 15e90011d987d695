/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_MACRO_HELP_H
#define DRIVERKIT_MACRO_HELP_H

/* Words for macros that are used as one statement: docs/facts/driverkit-api.csv. A macro's body
 * stands between MACRO_BEGIN and MACRO_END; MACRO_RETURN leaves the function that uses the macro.
 */
#ifndef NEVER
#define NEVER 0
#endif
#ifndef ALWAYS
#define ALWAYS 1
#endif
#define MACRO_BEGIN do {
#define MACRO_END \
    }             \
    while (NEVER)
#define MACRO_RETURN \
    if (ALWAYS) return

#endif /* DRIVERKIT_MACRO_HELP_H */
