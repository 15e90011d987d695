// SPDX-License-Identifier: Apache-2.0
#include <CoreFoundation/CFStream.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "iokit/corefoundation/error.h"
#include "iokit/corefoundation/string.h"
#include "iokit/corefoundation/url.h"
#include "rpc/fd.h"

namespace opendext::cf {
namespace {

/// What both directions have: a status, an error, perhaps a file.
class Stream : public Object {
  public:
    using Object::Object;
    CFStreamStatus status = kCFStreamStatusNotOpen;
    Owned<CFErrorRef> error;
    std::optional<std::string> path;  ///< of a file
    UniqueFd fd;

    bool fail(int number, const std::string& what) {
        error = Owned(new_posix_error(number, what));
        status = kCFStreamStatusError;
        return false;
    }
    bool open(int flags) {
        if (status != kCFStreamStatusNotOpen) return false;
        if (path) {
            fd = UniqueFd(::open(path->c_str(), flags | O_CLOEXEC, 0666));
            if (!fd) return fail(errno, "cannot open " + *path);
        }
        status = kCFStreamStatusOpen;
        return true;
    }
    void close() {
        fd.reset();
        if (status != kCFStreamStatusError) status = kCFStreamStatusClosed;
    }
};

class ReadStream final : public Stream {
  public:
    static constexpr Type kType = Type::read_stream;
    ReadStream() : Stream(kType) {}
    std::vector<UInt8> bytes;
    size_t at = 0;

    CFIndex read(UInt8* buffer, size_t room) {
        if (status != kCFStreamStatusOpen) return status == kCFStreamStatusAtEnd ? 0 : -1;
        ssize_t count = 0;
        if (path) {
            do {
                count = ::read(fd.get(), buffer, room);
            } while (count < 0 && errno == EINTR);
            if (count < 0) {
                fail(errno, "cannot read " + *path);
                return -1;
            }
        } else {
            const size_t left = std::min(room, bytes.size() - at);
            std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(at), left, buffer);
            at += left;
            count = static_cast<ssize_t>(left);
        }
        if (count == 0 && room > 0) status = kCFStreamStatusAtEnd;
        return count;
    }
};

class WriteStream final : public Stream {
  public:
    static constexpr Type kType = Type::write_stream;
    WriteStream() : Stream(kType) {}
    UInt8* buffer = nullptr;  ///< the caller's, where one was given
    size_t capacity = 0;
    std::vector<UInt8> written;
    size_t used = 0;

    CFIndex write(const UInt8* from, size_t length) {
        if (status != kCFStreamStatusOpen) return -1;
        if (path) {
            ssize_t count = 0;
            do {
                count = ::write(fd.get(), from, length);
            } while (count < 0 && errno == EINTR);
            if (count < 0) fail(errno, "cannot write " + *path);
            return count;
        }
        if (buffer == nullptr) {
            written.insert(written.end(), from, from + length);
            return static_cast<CFIndex>(length);
        }
        const size_t count = std::min(length, capacity - used);
        if (count == 0 && length > 0) {
            fail(ENOMEM, "the buffer of the stream is full");
            return -1;
        }
        std::memcpy(buffer + used, from, count);
        used += count;
        return static_cast<CFIndex>(count);
    }
};

ReadStream& reader(CFReadStreamRef stream, const char* function) {
    return const_cast<ReadStream&>(to<ReadStream>(stream, function));
}
WriteStream& writer(CFWriteStreamRef stream, const char* function) {
    return const_cast<WriteStream&>(to<WriteStream>(stream, function));
}

CFErrorRef copy_error(const Stream& stream) {
    return stream.error ? Owned(stream.error).release() : nullptr;
}

}  // namespace
}  // namespace opendext::cf

using namespace opendext::cf;

const CFStreamPropertyKey kCFStreamPropertyDataWritten = CFSTR("kCFStreamPropertyDataWritten");

CFTypeID CFReadStreamGetTypeID(void) {
    return static_cast<CFTypeID>(Type::read_stream);
}
CFTypeID CFWriteStreamGetTypeID(void) {
    return static_cast<CFTypeID>(Type::write_stream);
}

CFReadStreamRef CFReadStreamCreateWithBytesNoCopy(CFAllocatorRef, const UInt8* bytes,
                                                  CFIndex length, CFAllocatorRef bytesDeallocator) {
    if (length < 0 || (bytes == nullptr && length > 0))
        misuse("CFReadStreamCreateWithBytesNoCopy", "bad bytes or length");
    auto* stream = new ReadStream;
    if (length > 0) stream->bytes.assign(bytes, bytes + length);
    if (bytes != nullptr && bytesDeallocator != kCFAllocatorNull)
        CFAllocatorDeallocate(bytesDeallocator, const_cast<UInt8*>(bytes));
    return to_ref<CFReadStreamRef>(stream);
}

CFReadStreamRef CFReadStreamCreateWithFile(CFAllocatorRef, CFURLRef fileURL) {
    std::optional<std::string> path = path_of(fileURL);
    if (!path) return nullptr;
    auto* stream = new ReadStream;
    stream->path = std::move(path);
    return to_ref<CFReadStreamRef>(stream);
}

CFWriteStreamRef CFWriteStreamCreateWithAllocatedBuffers(CFAllocatorRef, CFAllocatorRef) {
    return to_ref<CFWriteStreamRef>(new WriteStream);
}

CFWriteStreamRef CFWriteStreamCreateWithBuffer(CFAllocatorRef, UInt8* buffer,
                                               CFIndex bufferCapacity) {
    if (buffer == nullptr || bufferCapacity < 0)
        misuse("CFWriteStreamCreateWithBuffer", "bad buffer or capacity");
    auto* stream = new WriteStream;
    stream->buffer = buffer;
    stream->capacity = static_cast<size_t>(bufferCapacity);
    return to_ref<CFWriteStreamRef>(stream);
}

CFWriteStreamRef CFWriteStreamCreateWithFile(CFAllocatorRef, CFURLRef fileURL) {
    std::optional<std::string> path = path_of(fileURL);
    if (!path) return nullptr;
    auto* stream = new WriteStream;
    stream->path = std::move(path);
    return to_ref<CFWriteStreamRef>(stream);
}

CFStreamStatus CFReadStreamGetStatus(CFReadStreamRef stream) {
    return reader(stream, "CFReadStreamGetStatus").status;
}
CFStreamStatus CFWriteStreamGetStatus(CFWriteStreamRef stream) {
    return writer(stream, "CFWriteStreamGetStatus").status;
}
CFErrorRef CFReadStreamCopyError(CFReadStreamRef stream) {
    return copy_error(reader(stream, "CFReadStreamCopyError"));
}
CFErrorRef CFWriteStreamCopyError(CFWriteStreamRef stream) {
    return copy_error(writer(stream, "CFWriteStreamCopyError"));
}
Boolean CFReadStreamOpen(CFReadStreamRef stream) {
    return reader(stream, "CFReadStreamOpen").open(O_RDONLY);
}
Boolean CFWriteStreamOpen(CFWriteStreamRef stream) {
    return writer(stream, "CFWriteStreamOpen").open(O_WRONLY | O_CREAT | O_TRUNC);
}
void CFReadStreamClose(CFReadStreamRef stream) {
    reader(stream, "CFReadStreamClose").close();
}
void CFWriteStreamClose(CFWriteStreamRef stream) {
    writer(stream, "CFWriteStreamClose").close();
}

CFIndex CFReadStreamRead(CFReadStreamRef stream, UInt8* buffer, CFIndex bufferLength) {
    if (bufferLength < 0) misuse("CFReadStreamRead", "length is negative");
    return reader(stream, "CFReadStreamRead").read(buffer, static_cast<size_t>(bufferLength));
}

CFIndex CFWriteStreamWrite(CFWriteStreamRef stream, const UInt8* buffer, CFIndex bufferLength) {
    if (bufferLength < 0) misuse("CFWriteStreamWrite", "length is negative");
    return writer(stream, "CFWriteStreamWrite").write(buffer, static_cast<size_t>(bufferLength));
}

CFTypeRef CFWriteStreamCopyProperty(CFWriteStreamRef ref, CFStreamPropertyKey propertyName) {
    const WriteStream& stream = writer(ref, "CFWriteStreamCopyProperty");
    if (!equal(propertyName, kCFStreamPropertyDataWritten) || stream.path || stream.buffer)
        return nullptr;
    return CFDataCreate(nullptr, stream.written.data(),
                        static_cast<CFIndex>(stream.written.size()));
}
