/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_ASSERTMACROS_H
#define OPENDEXT_PLATFORM_ASSERTMACROS_H

/*
 * Checks that jump to a label of the function where they fail, as driver sources use them:
 *     require_noerr_action(Start(provider, SUPERDISPATCH), exit, ok = false);
 * A failure is an error in the log, with the place and the text of the check; the forms that end
 * with "quiet" say nothing. noerr: the expression is 0 where all is well. The n forms fail where
 * the expression is true. check and verify only log.
 */
#include <os/log.h>

#define OPENDEXT_ASSERTION_FAILED(text)                                                      \
    os_log_error(OS_LOG_DEFAULT, "assertion failed: %s, file: %s, line: %d", text, __FILE__, \
                 __LINE__)

#define __Require_Action_Quiet(assertion, label, action) \
    do {                                                 \
        if (__builtin_expect(!(assertion), 0)) {         \
            {                                            \
                action;                                  \
            }                                            \
            goto label;                                  \
        }                                                \
    } while (0)
#define __Require_Action_String(assertion, label, action, message) \
    __Require_Action_Quiet(assertion, label, OPENDEXT_ASSERTION_FAILED(message); action)
#define __Require_Action(assertion, label, action) \
    __Require_Action_String(assertion, label, action, #assertion)
#define __Require_Quiet(assertion, label) __Require_Action_Quiet(assertion, label, (void)0)
#define __Require_String(assertion, label, message) \
    __Require_Action_String(assertion, label, (void)0, message)
#define __Require(assertion, label) __Require_Action_String(assertion, label, (void)0, #assertion)

#define __Require_noErr_Action_Quiet(error, label, action) \
    __Require_Action_Quiet(0 == (error), label, action)
#define __Require_noErr_Action_String(error, label, action, message) \
    __Require_Action_String(0 == (error), label, action, message)
#define __Require_noErr_Action(error, label, action) \
    __Require_Action_String(0 == (error), label, action, "0 == " #error)
#define __Require_noErr_Quiet(error, label) __Require_Quiet(0 == (error), label)
#define __Require_noErr_String(error, label, message) __Require_String(0 == (error), label, message)
#define __Require_noErr(error, label) __Require_String(0 == (error), label, "0 == " #error)

#define __nRequire_Action_Quiet(assertion, label, action) \
    __Require_Action_Quiet(!(assertion), label, action)
#define __nRequire_Action_String(assertion, label, action, message) \
    __Require_Action_String(!(assertion), label, action, message)
#define __nRequire_Action(assertion, label, action) \
    __Require_Action_String(!(assertion), label, action, "!(" #assertion ")")
#define __nRequire_Quiet(assertion, label) __Require_Quiet(!(assertion), label)
#define __nRequire_String(assertion, label, message) __Require_String(!(assertion), label, message)
#define __nRequire(assertion, label) __Require_String(!(assertion), label, "!(" #assertion ")")

#define __Verify_Action_String(assertion, action, message) \
    do {                                                   \
        if (__builtin_expect(!(assertion), 0)) {           \
            OPENDEXT_ASSERTION_FAILED(message);            \
            {                                              \
                action;                                    \
            }                                              \
        }                                                  \
    } while (0)
#define __Verify_Action(assertion, action) __Verify_Action_String(assertion, action, #assertion)
#define __Verify_String(assertion, message) __Verify_Action_String(assertion, (void)0, message)
#define __Verify(assertion) __Verify_String(assertion, #assertion)
#define __Verify_noErr_Action(error, action) \
    __Verify_Action_String(0 == (error), action, "0 == " #error)
#define __Verify_noErr_String(error, message) __Verify_String(0 == (error), message)
#define __Verify_noErr(error) __Verify_String(0 == (error), "0 == " #error)
#define __nVerify(assertion) __Verify_String(!(assertion), "!(" #assertion ")")
#define __nVerify_String(assertion, message) __Verify_String(!(assertion), message)

/* Checks are for builds that look for errors. */
#ifdef NDEBUG
#define __Check_String(assertion, message) ((void)0)
#else
#define __Check_String(assertion, message) __Verify_String(assertion, message)
#endif
#define __Check(assertion) __Check_String(assertion, #assertion)
#define __nCheck(assertion) __Check_String(!(assertion), "!(" #assertion ")")
#define __nCheck_String(assertion, message) __Check_String(!(assertion), message)
#define __Check_noErr(error) __Check_String(0 == (error), "0 == " #error)
#define __Check_noErr_String(error, message) __Check_String(0 == (error), message)
#define __Debug_String(message) OPENDEXT_ASSERTION_FAILED(message)

#ifndef __ASSERT_MACROS_DEFINE_VERSIONS_WITHOUT_UNDERSCORES
#define __ASSERT_MACROS_DEFINE_VERSIONS_WITHOUT_UNDERSCORES 1
#endif
#if __ASSERT_MACROS_DEFINE_VERSIONS_WITHOUT_UNDERSCORES
#define require __Require
#define require_action __Require_Action
#define require_action_quiet __Require_Action_Quiet
#define require_action_string __Require_Action_String
#define require_quiet __Require_Quiet
#define require_string __Require_String
#define require_noerr __Require_noErr
#define require_noerr_action __Require_noErr_Action
#define require_noerr_action_quiet __Require_noErr_Action_Quiet
#define require_noerr_action_string __Require_noErr_Action_String
#define require_noerr_quiet __Require_noErr_Quiet
#define require_noerr_string __Require_noErr_String
#define nrequire __nRequire
#define nrequire_action __nRequire_Action
#define nrequire_action_quiet __nRequire_Action_Quiet
#define nrequire_action_string __nRequire_Action_String
#define nrequire_quiet __nRequire_Quiet
#define nrequire_string __nRequire_String
#define verify __Verify
#define verify_action __Verify_Action
#define verify_string __Verify_String
#define verify_noerr __Verify_noErr
#define verify_noerr_action __Verify_noErr_Action
#define verify_noerr_string __Verify_noErr_String
#define nverify __nVerify
#define nverify_string __nVerify_String
#define check __Check
#define check_string __Check_String
#define check_noerr __Check_noErr
#define check_noerr_string __Check_noErr_String
#define ncheck __nCheck
#define ncheck_string __nCheck_String
#define debug_string __Debug_String
#endif

#endif /* OPENDEXT_PLATFORM_ASSERTMACROS_H */
