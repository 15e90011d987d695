/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_IOKIT_IOMAPTYPES_H_
#define OPENDEXT_IOKIT_IOMAPTYPES_H_

/* Options of IOConnectMapMemory64. */

enum {
    kIODefaultMemoryType = 0,
    kIODefaultCache = 0,
    kIOInhibitCache = 1,
    kIOWriteThruCache = 2,
    kIOCopybackCache = 3,
    kIOWriteCombineCache = 4,
    kIOCopybackInnerCache = 5,
    kIOPostedWrite = 6,
    kIORealTimeCache = 7,
    kIOPostedReordered = 8,
    kIOPostedCombinedReordered = 9,
    kIOMapAnywhere = 1,
    kIOMapCacheMask = 0xf00,
    kIOMapCacheShift = 8,
    kIOMapDefaultCache = 0,
    kIOMapInhibitCache = 0x100,
    kIOMapWriteThruCache = 0x200,
    kIOMapCopybackCache = 0x300,
    kIOMapWriteCombineCache = 0x400,
    kIOMapCopybackInnerCache = 0x500,
    kIOMapPostedWrite = 0x600,
    kIOMapRealTimeCache = 0x700,
    kIOMapPostedReordered = 0x800U,
    kIOMapPostedCombinedReordered = 0x900,
    kIOMapUserOptionsMask = 0xfff,
    kIOMapReadOnly = 0x1000,
    kIOMapStatic = 0x01000000,
    kIOMapReference = 0x02000000,
    kIOMapUnique = 0x04000000,
    kIOMapPrefault = 0x10000000,
    kIOMapOverwrite = 0x20000000,
    kIOMapGuardedMask = 0xc0000000U,
    kIOMapGuardedSmall = 0x40000000,
    kIOMapGuardedLarge = 0x80000000U
};

#endif
