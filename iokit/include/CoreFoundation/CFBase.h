/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_COREFOUNDATION_CFBASE_H_
#define OPENDEXT_COREFOUNDATION_CFBASE_H_

/* The base of the CoreFoundation part that clients of IOKit need: types, reference counts,
 * equality.
 *
 * Ownership: what a function with Create or Copy in its name returns is the caller's, who calls
 * CFRelease. What another function returns is borrowed and lives as long as what it came from.
 * Collections made with the kCFType… call-backs keep a reference to what they hold. Constant
 * objects (CFSTR, kCFBooleanTrue …) ignore CFRetain and CFRelease. Threads: reference counts are
 * atomic and immutable objects may be shared; a mutable object needs the caller's lock. Functions
 * get objects of the right type; a wrong type is a mistake of the program and ends it with a
 * message. Values and signatures: docs/facts/iokit-client-api.csv. */

#include <MacTypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
#define CF_EXTERN_C_BEGIN extern "C" {
#define CF_EXTERN_C_END }
#else
#define CF_EXTERN_C_BEGIN
#define CF_EXTERN_C_END
#endif
#define CF_EXPORT extern __attribute__((visibility("default")))
#define CF_INLINE static inline
/* kept for sources that use them; they carry no meaning here */
#define CF_RETURNS_RETAINED
#define CF_RETURNS_NOT_RETAINED
#define CF_CONSUMED

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

CF_EXTERN_C_BEGIN

typedef unsigned char Boolean;
typedef unsigned char UInt8;
typedef signed char SInt8;
typedef unsigned short UInt16;
typedef signed short SInt16;
typedef unsigned int UInt32;
typedef signed int SInt32;
typedef uint64_t UInt64;
typedef int64_t SInt64;
typedef SInt32 OSStatus;
typedef float Float32;
typedef double Float64;
typedef unsigned short UniChar;
typedef unsigned long UniCharCount;
typedef unsigned char Str255[256];
typedef const unsigned char* ConstStr255Param;
typedef unsigned char* StringPtr;
typedef const unsigned char* ConstStringPtr;
typedef SInt16 OSErr;
typedef SInt16 RegionCode;
typedef SInt16 LangCode;
typedef SInt16 ScriptCode;
typedef UInt32 FourCharCode;
typedef FourCharCode OSType;
typedef UInt8 Byte;
typedef SInt8 SignedByte;
typedef UInt32 UTF32Char;
typedef UInt16 UTF16Char;
typedef UInt8 UTF8Char;

typedef unsigned long CFTypeID;
typedef unsigned long CFOptionFlags;
typedef unsigned long CFHashCode;
typedef signed long CFIndex;
typedef const void* CFTypeRef;
typedef CFTypeRef CFPropertyListRef;
typedef const struct __CFString* CFStringRef;
typedef struct __CFString* CFMutableStringRef;
typedef const struct __CFNull* CFNullRef;
typedef const struct __CFAllocator* CFAllocatorRef;

typedef enum CFComparisonResult {
    kCFCompareLessThan = -1,
    kCFCompareEqualTo = 0,
    kCFCompareGreaterThan = 1
} CFComparisonResult;
typedef CFComparisonResult (*CFComparatorFunction)(const void* val1, const void* val2,
                                                   void* context);

enum { kCFNotFound = -1 };

typedef struct CFRange {
    CFIndex location;
    CFIndex length;
} CFRange;
CF_INLINE CFRange CFRangeMake(CFIndex loc, CFIndex len) {
    CFRange range;
    range.location = loc;
    range.length = len;
    return range;
}
#define CFRangeMake(LOC, LEN) CFRangeMake(LOC, LEN)

CF_EXPORT const CFNullRef kCFNull;

/* Allocators. Those given to Create functions are accepted and not used: objects lie where C++ puts
 * them. They are used where memory of the program changes hands: an allocator given as
 * "deallocator" of bytes frees these (kCFAllocatorNull: nobody does), and CFAllocatorAllocate and
 * its kin work with every allocator. kCFAllocatorDefault (NULL) stands for the calling thread's
 * default, which is kCFAllocatorSystemDefault, malloc, until it is set. */
typedef const void* (*CFAllocatorRetainCallBack)(const void* info);
typedef void (*CFAllocatorReleaseCallBack)(const void* info);
typedef CFStringRef (*CFAllocatorCopyDescriptionCallBack)(const void* info);
typedef void* (*CFAllocatorAllocateCallBack)(CFIndex allocSize, CFOptionFlags hint, void* info);
typedef void* (*CFAllocatorReallocateCallBack)(void* ptr, CFIndex newsize, CFOptionFlags hint,
                                               void* info);
typedef void (*CFAllocatorDeallocateCallBack)(void* ptr, void* info);
typedef CFIndex (*CFAllocatorPreferredSizeCallBack)(CFIndex size, CFOptionFlags hint, void* info);
typedef struct CFAllocatorContext {
    CFIndex version;
    void* info;
    CFAllocatorRetainCallBack retain;
    CFAllocatorReleaseCallBack release;
    CFAllocatorCopyDescriptionCallBack copyDescription;
    CFAllocatorAllocateCallBack allocate;
    CFAllocatorReallocateCallBack reallocate;
    CFAllocatorDeallocateCallBack deallocate;
    CFAllocatorPreferredSizeCallBack preferredSize;
} CFAllocatorContext;

CF_EXPORT const CFAllocatorRef kCFAllocatorDefault;
CF_EXPORT const CFAllocatorRef kCFAllocatorSystemDefault;
CF_EXPORT const CFAllocatorRef kCFAllocatorMalloc;
CF_EXPORT const CFAllocatorRef kCFAllocatorMallocZone;
/* Allocates nothing and frees nothing. */
CF_EXPORT const CFAllocatorRef kCFAllocatorNull;
/* For CFAllocatorCreate only: the new allocator's own functions allocate it. */
CF_EXPORT const CFAllocatorRef kCFAllocatorUseContext;

CF_EXPORT CFTypeID CFNullGetTypeID(void);
CF_EXPORT CFTypeID CFAllocatorGetTypeID(void);
/* Of the calling thread. The allocator is kept. */
CF_EXPORT void CFAllocatorSetDefault(CFAllocatorRef allocator);
CF_EXPORT CFAllocatorRef CFAllocatorGetDefault(void);
CF_EXPORT CFAllocatorRef CFAllocatorCreate(CFAllocatorRef allocator, CFAllocatorContext* context);
/* NULL for a size of 0 or less, and where there is no memory. */
CF_EXPORT void* CFAllocatorAllocate(CFAllocatorRef allocator, CFIndex size, CFOptionFlags hint);
/* `ptr` NULL: allocates; `newsize` 0: frees. */
CF_EXPORT void* CFAllocatorReallocate(CFAllocatorRef allocator, void* ptr, CFIndex newsize,
                                      CFOptionFlags hint);
CF_EXPORT void CFAllocatorDeallocate(CFAllocatorRef allocator, void* ptr);
CF_EXPORT CFIndex CFAllocatorGetPreferredSizeForSize(CFAllocatorRef allocator, CFIndex size,
                                                     CFOptionFlags hint);
CF_EXPORT void CFAllocatorGetContext(CFAllocatorRef allocator, CFAllocatorContext* context);

/* CFRelease later: when the present round of the thread's run loop is over, or the thread. Returns
 * its argument. */
CF_EXPORT CFTypeRef CFAutorelease(CFTypeRef arg);
CF_EXPORT CFTypeID CFGetTypeID(CFTypeRef cf);
CF_EXPORT CFStringRef CFCopyTypeIDDescription(CFTypeID type_id);
CF_EXPORT CFTypeRef CFRetain(CFTypeRef cf);
CF_EXPORT void CFRelease(CFTypeRef cf);
CF_EXPORT CFIndex CFGetRetainCount(CFTypeRef cf);
CF_EXPORT Boolean CFEqual(CFTypeRef cf1, CFTypeRef cf2);
CF_EXPORT CFHashCode CFHash(CFTypeRef cf);
CF_EXPORT CFStringRef CFCopyDescription(CFTypeRef cf);
CF_EXPORT CFAllocatorRef CFGetAllocator(CFTypeRef cf);
/* Writes a description of `obj` to standard error. */
CF_EXPORT void CFShow(CFTypeRef obj);

CF_EXTERN_C_END

#endif
