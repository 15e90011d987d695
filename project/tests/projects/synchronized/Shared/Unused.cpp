// SPDX-License-Identifier: Apache-2.0
#error "belongs to no target"
