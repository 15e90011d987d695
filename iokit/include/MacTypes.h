/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_MACTYPES_H_
#define OPENDEXT_MACTYPES_H_

/* The one word of this header that client programs of IOKit use
 * (docs/facts/iokit-client-api.csv). */
enum { kNilOptions = 0 };

#endif
