/* SPDX-License-Identifier: Apache-2.0 */
#include_next <sys/queue.h>

#ifndef OPENDEXT_PLATFORM_SYS_QUEUE_H
#define OPENDEXT_PLATFORM_SYS_QUEUE_H

/* What BSD's lists have and the C library's lack: walks during which `variable` may be removed,
 * `following` holds the element after it; ends and swaps. */
#ifndef SLIST_FOREACH_SAFE
#define SLIST_FOREACH_SAFE(variable, head, field, following) \
    for ((variable) = SLIST_FIRST(head);                     \
         (variable) && ((following) = SLIST_NEXT((variable), field), 1); (variable) = (following))
#endif
#ifndef STAILQ_FOREACH_SAFE
#define STAILQ_FOREACH_SAFE(variable, head, field, following)             \
    for ((variable) = STAILQ_FIRST(head);                                 \
         (variable) && ((following) = STAILQ_NEXT((variable), field), 1); \
         (variable) = (following))
#endif
#ifndef LIST_FOREACH_SAFE
#define LIST_FOREACH_SAFE(variable, head, field, following) \
    for ((variable) = LIST_FIRST(head);                     \
         (variable) && ((following) = LIST_NEXT((variable), field), 1); (variable) = (following))
#endif
#ifndef TAILQ_FOREACH_SAFE
#define TAILQ_FOREACH_SAFE(variable, head, field, following) \
    for ((variable) = TAILQ_FIRST(head);                     \
         (variable) && ((following) = TAILQ_NEXT((variable), field), 1); (variable) = (following))
#endif
#ifndef TAILQ_FOREACH_REVERSE_SAFE
#define TAILQ_FOREACH_REVERSE_SAFE(variable, head, headname, field, following)     \
    for ((variable) = TAILQ_LAST(head, headname);                                  \
         (variable) && ((following) = TAILQ_PREV((variable), headname, field), 1); \
         (variable) = (following))
#endif

#endif /* OPENDEXT_PLATFORM_SYS_QUEUE_H */
