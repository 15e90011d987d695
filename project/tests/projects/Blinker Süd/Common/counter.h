// SPDX-License-Identifier: Apache-2.0
#pragma once
#ifdef __cplusplus
extern "C" {
#endif
unsigned counter_next(void);
#ifdef __cplusplus
}
#endif
