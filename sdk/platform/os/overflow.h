/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_PLATFORM_OS_OVERFLOW_H
#define OPENDEXT_PLATFORM_OS_OVERFLOW_H

/* Arithmetic that tells of overflow: true if the exact result does not fit `result`. */
#include <os/base.h>

#define os_add_overflow(a, b, result) __builtin_add_overflow((a), (b), (result))
#define os_sub_overflow(a, b, result) __builtin_sub_overflow((a), (b), (result))
#define os_mul_overflow(a, b, result) __builtin_mul_overflow((a), (b), (result))
#define os_inc_overflow(result) __builtin_add_overflow(*(result), 1, (result))
#define os_dec_overflow(result) __builtin_sub_overflow(*(result), 1, (result))
#define os_convert_overflow(a, result) os_add_overflow((a), 0, (result))
#define os_add3_overflow(a, b, c, result)                       \
    __extension__({                                             \
        __typeof__(*(result)) od_sum_;                          \
        bool od_one_ = os_add_overflow((a), (b), &od_sum_);     \
        bool od_two_ = os_add_overflow(od_sum_, (c), (result)); \
        od_one_ | od_two_;                                      \
    })
#define os_mul_and_add_overflow(a, x, b, result)                    \
    __extension__({                                                 \
        __typeof__(*(result)) od_product_;                          \
        bool od_one_ = os_mul_overflow((a), (x), &od_product_);     \
        bool od_two_ = os_add_overflow((b), od_product_, (result)); \
        od_one_ | od_two_;                                          \
    })

#endif /* OPENDEXT_PLATFORM_OS_OVERFLOW_H */
