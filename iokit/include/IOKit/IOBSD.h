/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_IOBSD_H_
#define OPENDEXT_IOKIT_IOBSD_H_

/* Properties of services with a device node. */

#define kIOBSDKey "IOBSD"
#define kIOBSDNameKey "BSD Name"
#define kIOBSDNamesKey "BSD Names"
#define kIOBSDMajorKey "BSD Major"
#define kIOBSDMinorKey "BSD Minor"
#define kIOBSDUnitKey "BSD Unit"

#endif
