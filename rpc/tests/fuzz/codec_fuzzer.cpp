// SPDX-License-Identifier: Apache-2.0
// Any bytes: the reader never reads outside of them, and what it accepts is written back to what it
// reads the same.
#include <cstdlib>

#include "rpc/codec.h"

using namespace opendext;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Reader reader({data, size});
    const Value value = reader.get_value();
    const Dictionary dictionary = reader.get_dictionary();
    const std::vector<std::string> strings = reader.get_strings();
    if (!reader.finish("input").ok()) return 0;
    Writer writer;
    writer.put(value).put(dictionary).put_strings(strings);
    Reader again(writer.bytes());
    const bool same = again.get_value() == value && again.get_dictionary() == dictionary &&
                      again.get_strings() == strings;
    if (!same || !again.finish("own output").ok()) std::abort();
    return 0;
}
