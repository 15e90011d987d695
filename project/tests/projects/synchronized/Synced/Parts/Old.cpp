// SPDX-License-Identifier: Apache-2.0
#error "left out of the target by a membership exception"
