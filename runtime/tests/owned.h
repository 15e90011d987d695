// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <DriverKit/OSSharedPtr.h>
#include <gtest/gtest.h>

#include <string>

/// A result of with… or Create…, released at the end of the test.
template <typename T>
OSSharedPtr<T> owned(T* object) {
    return OSSharedPtr<T>(object, OSNoRetain);
}

/// What `function` writes to standard error, which is where the log goes without a daemon.
template <typename Function>
std::string logged(Function function) {
    testing::internal::CaptureStderr();
    function();
    std::string text = testing::internal::GetCapturedStderr();
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}
