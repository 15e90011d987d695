/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_COREFOUNDATION_CFSTRING_H_
#define OPENDEXT_COREFOUNDATION_CFSTRING_H_

/* Strings. Lengths and ranges count UTF-16 units. Bytes that are not valid in the given encoding
 * make no string (NULL). */

#include <CoreFoundation/CFArray.h>
#include <CoreFoundation/CFBase.h>
#include <CoreFoundation/CFData.h>
#include <CoreFoundation/CFDictionary.h>

CF_EXTERN_C_BEGIN

typedef UInt32 CFStringEncoding;
#define kCFStringEncodingInvalidId 0xffffffffU
/* Encodings that these functions convert; others give NULL or false. */
enum CFStringBuiltInEncodings {
    kCFStringEncodingMacRoman = 0,
    kCFStringEncodingWindowsLatin1 = 0x0500,
    kCFStringEncodingISOLatin1 = 0x0201,
    kCFStringEncodingNextStepLatin = 0x0b01,
    kCFStringEncodingASCII = 0x0600,
    kCFStringEncodingUnicode = 0x0100,
    kCFStringEncodingUTF8 = 0x08000100,
    kCFStringEncodingNonLossyASCII = 0x0bff,
    kCFStringEncodingUTF16 = 0x0100,
    kCFStringEncodingUTF16BE = 0x10000100,
    kCFStringEncodingUTF16LE = 0x14000100,
    kCFStringEncodingUTF32 = 0x0c000100,
    kCFStringEncodingUTF32BE = 0x18000100,
    kCFStringEncodingUTF32LE = 0x1c000100
};

/* There are no locales: what takes one works alike for all, by Unicode's simple case mappings. */
typedef const struct __CFLocale* CFLocaleRef;

typedef enum CFStringCompareFlags {
    kCFCompareCaseInsensitive = 1,
    kCFCompareBackwards = 4,
    kCFCompareAnchored = 8,
    /* the following four are accepted and not done */
    kCFCompareNonliteral = 16,
    kCFCompareLocalized = 32,
    kCFCompareDiacriticInsensitive = 128,
    kCFCompareWidthInsensitive = 256,
    kCFCompareNumerically = 64,
    kCFCompareForcedOrdering = 512 /* what is equal but for case is ordered by it */
} CFStringCompareFlags;

/* A constant string, made once for each content and never freed. The argument is a string literal
 * in ASCII or UTF-8. */
#define CFSTR(cStr) __CFStringMakeConstantString("" cStr "")
CF_EXPORT CFStringRef __CFStringMakeConstantString(const char* cStr);

CF_EXPORT CFTypeID CFStringGetTypeID(void);
CF_EXPORT CFStringRef CFStringCreateWithCString(CFAllocatorRef alloc, const char* cStr,
                                                CFStringEncoding encoding);
CF_EXPORT CFStringRef CFStringCreateWithBytes(CFAllocatorRef alloc, const UInt8* bytes,
                                              CFIndex numBytes, CFStringEncoding encoding,
                                              Boolean isExternalRepresentation);
CF_EXPORT CFStringRef CFStringCreateWithCharacters(CFAllocatorRef alloc, const UniChar* chars,
                                                   CFIndex numChars);
CF_EXPORT CFStringRef CFStringCreateWithCStringNoCopy(CFAllocatorRef alloc, const char* cStr,
                                                      CFStringEncoding encoding,
                                                      CFAllocatorRef contentsDeallocator);
CF_EXPORT CFStringRef CFStringCreateWithSubstring(CFAllocatorRef alloc, CFStringRef str,
                                                  CFRange range);
CF_EXPORT CFStringRef CFStringCreateCopy(CFAllocatorRef alloc, CFStringRef theString);
CF_EXPORT CFMutableStringRef CFStringCreateMutable(CFAllocatorRef alloc, CFIndex maxLength);
CF_EXPORT CFMutableStringRef CFStringCreateMutableCopy(CFAllocatorRef alloc, CFIndex maxLength,
                                                       CFStringRef theString);

/* Formats are those of printf with %@ for an object. `formatOptions` is not used. */
CF_EXPORT CFStringRef CFStringCreateWithFormat(CFAllocatorRef alloc, CFDictionaryRef formatOptions,
                                               CFStringRef format, ...);
CF_EXPORT CFStringRef CFStringCreateWithFormatAndArguments(CFAllocatorRef alloc,
                                                           CFDictionaryRef formatOptions,
                                                           CFStringRef format, va_list arguments);
CF_EXPORT void CFStringAppendFormat(CFMutableStringRef theString, CFDictionaryRef formatOptions,
                                    CFStringRef format, ...);
CF_EXPORT void CFStringAppendFormatAndArguments(CFMutableStringRef theString,
                                                CFDictionaryRef formatOptions, CFStringRef format,
                                                va_list arguments);

CF_EXPORT CFIndex CFStringGetLength(CFStringRef theString);
CF_EXPORT void CFStringGetCharacters(CFStringRef theString, CFRange range, UniChar* buffer);
CF_EXPORT UniChar CFStringGetCharacterAtIndex(CFStringRef theString, CFIndex idx);
/* True if the whole string and its final zero fit. */
CF_EXPORT Boolean CFStringGetCString(CFStringRef theString, char* buffer, CFIndex bufferSize,
                                     CFStringEncoding encoding);
/* The string's own bytes where it is kept in that encoding, else NULL: be ready for NULL. */
CF_EXPORT const char* CFStringGetCStringPtr(CFStringRef theString, CFStringEncoding encoding);
CF_EXPORT CFIndex CFStringGetBytes(CFStringRef theString, CFRange range, CFStringEncoding encoding,
                                   UInt8 lossByte, Boolean isExternalRepresentation, UInt8* buffer,
                                   CFIndex maxBufLen, CFIndex* usedBufLen);
CF_EXPORT CFStringRef CFStringCreateFromExternalRepresentation(CFAllocatorRef alloc, CFDataRef data,
                                                               CFStringEncoding encoding);
CF_EXPORT CFDataRef CFStringCreateExternalRepresentation(CFAllocatorRef alloc,
                                                         CFStringRef theString,
                                                         CFStringEncoding encoding, UInt8 lossByte);
CF_EXPORT CFStringEncoding CFStringGetSystemEncoding(void);
CF_EXPORT CFIndex CFStringGetMaximumSizeForEncoding(CFIndex length, CFStringEncoding encoding);
CF_EXPORT Boolean CFStringGetFileSystemRepresentation(CFStringRef string, char* buffer,
                                                      CFIndex maxBufLen);
CF_EXPORT CFIndex CFStringGetMaximumSizeOfFileSystemRepresentation(CFStringRef string);
CF_EXPORT CFStringRef CFStringCreateWithFileSystemRepresentation(CFAllocatorRef alloc,
                                                                 const char* buffer);
CF_EXPORT CFComparisonResult CFStringCompare(CFStringRef theString1, CFStringRef theString2,
                                             CFStringCompareFlags compareOptions);
CF_EXPORT CFRange CFStringFind(CFStringRef theString, CFStringRef stringToFind,
                               CFStringCompareFlags compareOptions);
CF_EXPORT Boolean CFStringHasPrefix(CFStringRef theString, CFStringRef prefix);
CF_EXPORT Boolean CFStringHasSuffix(CFStringRef theString, CFStringRef suffix);
CF_EXPORT CFStringRef CFStringCreateByCombiningStrings(CFAllocatorRef alloc, CFArrayRef theArray,
                                                       CFStringRef separatorString);
CF_EXPORT CFArrayRef CFStringCreateArrayBySeparatingStrings(CFAllocatorRef alloc,
                                                            CFStringRef theString,
                                                            CFStringRef separatorString);
CF_EXPORT SInt32 CFStringGetIntValue(CFStringRef str);
CF_EXPORT double CFStringGetDoubleValue(CFStringRef str);
CF_EXPORT void CFStringAppend(CFMutableStringRef theString, CFStringRef appendedString);
CF_EXPORT void CFStringAppendCString(CFMutableStringRef theString, const char* cStr,
                                     CFStringEncoding encoding);

/* --- further ways to make and read strings -----------------------------------------------------*/

/* The contents are copied; the deallocator frees what was given. */
CF_EXPORT CFStringRef CFStringCreateWithBytesNoCopy(CFAllocatorRef alloc, const UInt8* bytes,
                                                    CFIndex numBytes, CFStringEncoding encoding,
                                                    Boolean isExternalRepresentation,
                                                    CFAllocatorRef contentsDeallocator);
CF_EXPORT CFStringRef CFStringCreateWithCharactersNoCopy(CFAllocatorRef alloc, const UniChar* chars,
                                                         CFIndex numChars,
                                                         CFAllocatorRef contentsDeallocator);
/* A Pascal string begins with its length in one byte. */
CF_EXPORT CFStringRef CFStringCreateWithPascalString(CFAllocatorRef alloc, ConstStr255Param pStr,
                                                     CFStringEncoding encoding);
CF_EXPORT CFStringRef CFStringCreateWithPascalStringNoCopy(CFAllocatorRef alloc,
                                                           ConstStr255Param pStr,
                                                           CFStringEncoding encoding,
                                                           CFAllocatorRef contentsDeallocator);
CF_EXPORT Boolean CFStringGetPascalString(CFStringRef theString, StringPtr buffer,
                                          CFIndex bufferSize, CFStringEncoding encoding);
/* Always NULL: be ready for it. */
CF_EXPORT ConstStringPtr CFStringGetPascalStringPtr(CFStringRef theString,
                                                    CFStringEncoding encoding);
/* The string's own units where it is kept so, else NULL: be ready for it. */
CF_EXPORT const UniChar* CFStringGetCharactersPtr(CFStringRef theString);
CF_EXPORT void CFShowStr(CFStringRef str);

/* --- comparing and searching -------------------------------------------------------------------*/

/* Compares a part of the first string with the whole second one. */
CF_EXPORT CFComparisonResult CFStringCompareWithOptions(CFStringRef theString1,
                                                        CFStringRef theString2,
                                                        CFRange rangeToCompare,
                                                        CFStringCompareFlags compareOptions);
CF_EXPORT CFComparisonResult CFStringCompareWithOptionsAndLocale(
    CFStringRef theString1, CFStringRef theString2, CFRange rangeToCompare,
    CFStringCompareFlags compareOptions, CFLocaleRef locale);
/* `result` may be NULL. */
CF_EXPORT Boolean CFStringFindWithOptions(CFStringRef theString, CFStringRef stringToFind,
                                          CFRange rangeToSearch, CFStringCompareFlags searchOptions,
                                          CFRange* result);
CF_EXPORT Boolean CFStringFindWithOptionsAndLocale(CFStringRef theString, CFStringRef stringToFind,
                                                   CFRange rangeToSearch,
                                                   CFStringCompareFlags searchOptions,
                                                   CFLocaleRef locale, CFRange* result);
/* An array of pointers to CFRange; NULL where nothing was found. */
CF_EXPORT CFArrayRef CFStringCreateArrayWithFindResults(CFAllocatorRef alloc, CFStringRef theString,
                                                        CFStringRef stringToFind,
                                                        CFRange rangeToSearch,
                                                        CFStringCompareFlags compareOptions);
/* Lines end with \n, \r, \r\n or U+2028; paragraphs also with U+2029. Each pointer may be NULL. */
CF_EXPORT void CFStringGetLineBounds(CFStringRef theString, CFRange range, CFIndex* lineBeginIndex,
                                     CFIndex* lineEndIndex, CFIndex* contentsEndIndex);
CF_EXPORT void CFStringGetParagraphBounds(CFStringRef string, CFRange range, CFIndex* parBeginIndex,
                                          CFIndex* parEndIndex, CFIndex* contentsEndIndex);

/* --- changing mutable strings ------------------------------------------------------------------*/

CF_EXPORT void CFStringAppendCharacters(CFMutableStringRef theString, const UniChar* chars,
                                        CFIndex numChars);
CF_EXPORT void CFStringAppendPascalString(CFMutableStringRef theString, ConstStr255Param pStr,
                                          CFStringEncoding encoding);
CF_EXPORT void CFStringInsert(CFMutableStringRef str, CFIndex idx, CFStringRef insertedStr);
CF_EXPORT void CFStringDelete(CFMutableStringRef theString, CFRange range);
CF_EXPORT void CFStringReplace(CFMutableStringRef theString, CFRange range,
                               CFStringRef replacement);
CF_EXPORT void CFStringReplaceAll(CFMutableStringRef theString, CFStringRef replacement);
/* The number of replacements. */
CF_EXPORT CFIndex CFStringFindAndReplace(CFMutableStringRef theString, CFStringRef stringToFind,
                                         CFStringRef replacementString, CFRange rangeToSearch,
                                         CFStringCompareFlags compareOptions);
/* Cuts to `length`, or fills up with `padString` from its unit `indexIntoPad` on. */
CF_EXPORT void CFStringPad(CFMutableStringRef theString, CFStringRef padString, CFIndex length,
                           CFIndex indexIntoPad);
CF_EXPORT void CFStringTrim(CFMutableStringRef theString, CFStringRef trimString);
CF_EXPORT void CFStringTrimWhitespace(CFMutableStringRef theString);
CF_EXPORT void CFStringLowercase(CFMutableStringRef theString, CFLocaleRef locale);
CF_EXPORT void CFStringUppercase(CFMutableStringRef theString, CFLocaleRef locale);
CF_EXPORT void CFStringCapitalize(CFMutableStringRef theString, CFLocaleRef locale);

/* --- encodings ---------------------------------------------------------------------------------*/

/* Whether these functions convert it. */
CF_EXPORT Boolean CFStringIsEncodingAvailable(CFStringEncoding encoding);
/* Ends with kCFStringEncodingInvalidId. */
CF_EXPORT const CFStringEncoding* CFStringGetListOfAvailableEncodings(void);
CF_EXPORT CFStringRef CFStringGetNameOfEncoding(CFStringEncoding encoding);
CF_EXPORT CFStringEncoding CFStringGetSmallestEncoding(CFStringRef theString);
CF_EXPORT CFStringEncoding CFStringGetFastestEncoding(CFStringRef theString);
/* Names as in "utf-8"; case does not count. kCFStringEncodingInvalidId or NULL where not known. */
CF_EXPORT CFStringEncoding CFStringConvertIANACharSetNameToEncoding(CFStringRef theString);
CF_EXPORT CFStringRef CFStringConvertEncodingToIANACharSetName(CFStringEncoding encoding);

/* --- single units ------------------------------------------------------------------------------*/

#define __kCFStringInlineBufferLength 64
/* For going over a string quickly. The string must not change meanwhile. */
typedef struct CFStringInlineBuffer {
    UniChar buffer[__kCFStringInlineBufferLength];
    CFStringRef theString;
    const UniChar* directUniCharBuffer;
    const char* directCStringBuffer;
    CFRange rangeToBuffer;
    CFIndex bufferedRangeStart;
    CFIndex bufferedRangeEnd;
} CFStringInlineBuffer;

CF_INLINE void CFStringInitInlineBuffer(CFStringRef str, CFStringInlineBuffer* buf, CFRange range) {
    buf->theString = str;
    buf->rangeToBuffer = range;
    buf->directUniCharBuffer = CFStringGetCharactersPtr(str);
    buf->directCStringBuffer = buf->directUniCharBuffer != NULL
                                   ? NULL
                                   : CFStringGetCStringPtr(str, kCFStringEncodingASCII);
    buf->bufferedRangeStart = buf->bufferedRangeEnd = 0;
}

/* 0 outside of the range. */
CF_INLINE UniChar CFStringGetCharacterFromInlineBuffer(CFStringInlineBuffer* buf, CFIndex idx) {
    if (idx < 0 || idx >= buf->rangeToBuffer.length) return 0;
    if (buf->directUniCharBuffer != NULL)
        return buf->directUniCharBuffer[idx + buf->rangeToBuffer.location];
    if (buf->directCStringBuffer != NULL)
        return (UniChar)(unsigned char)buf->directCStringBuffer[idx + buf->rangeToBuffer.location];
    if (idx < buf->bufferedRangeStart || idx >= buf->bufferedRangeEnd) {
        CFIndex end;
        buf->bufferedRangeStart = idx > 4 ? idx - 4 : 0;
        end = buf->bufferedRangeStart + __kCFStringInlineBufferLength;
        buf->bufferedRangeEnd = end < buf->rangeToBuffer.length ? end : buf->rangeToBuffer.length;
        CFStringGetCharacters(buf->theString,
                              CFRangeMake(buf->rangeToBuffer.location + buf->bufferedRangeStart,
                                          buf->bufferedRangeEnd - buf->bufferedRangeStart),
                              buf->buffer);
    }
    return buf->buffer[idx - buf->bufferedRangeStart];
}

CF_INLINE Boolean CFStringIsSurrogateHighCharacter(UniChar character) {
    return character >= 0xD800 && character <= 0xDBFF;
}
CF_INLINE Boolean CFStringIsSurrogateLowCharacter(UniChar character) {
    return character >= 0xDC00 && character <= 0xDFFF;
}
CF_INLINE UTF32Char CFStringGetLongCharacterForSurrogatePair(UniChar surrogateHigh,
                                                             UniChar surrogateLow) {
    return ((UTF32Char)(surrogateHigh - 0xD800) << 10) + (UTF32Char)(surrogateLow - 0xDC00) +
           0x10000;
}
/* False, with the unit in the first place, for a character that needs no pair. */
CF_INLINE Boolean CFStringGetSurrogatePairForLongCharacter(UTF32Char character,
                                                           UniChar* surrogates) {
    if (character > 0xFFFF && character < 0x110000) {
        character -= 0x10000;
        surrogates[0] = (UniChar)((character >> 10) + 0xD800);
        surrogates[1] = (UniChar)((character & 0x3FF) + 0xDC00);
        return TRUE;
    }
    *surrogates = (UniChar)character;
    return FALSE;
}

CF_EXTERN_C_END

#endif
