// SPDX-License-Identifier: Apache-2.0
#include "iokit/corefoundation/date.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace opendext::cf {
namespace {

/// Of the civil calendar that every formatter can print.
constexpr double kEarliest = -63113904000.0;  // 0001-01-01
constexpr double kLatest = 252423993599.0;    // 9999-12-31 23:59:59
constexpr std::chrono::sys_days kEpoch =
    std::chrono::sys_days(std::chrono::year(2001) / std::chrono::January / std::chrono::day(1));
constexpr double kDay = 86400;

bool is_leap(int64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int days_in(int64_t year, int month) {
    constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : kDays[month - 1];
}

/// `count` digits from the front of `text`, or -1.
int take_digits(std::string_view& text, size_t count) {
    if (text.size() < count) return -1;
    int value = 0;
    for (size_t i = 0; i < count; ++i) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(count);
    return value;
}

bool take(std::string_view& text, char wanted) {
    if (!text.starts_with(wanted)) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

CivilTime civil_time(CFAbsoluteTime at) {
    at = std::isnan(at) ? 0 : std::clamp(at, kEarliest, kLatest);
    const double days = std::floor(at / kDay);
    double rest = at - days * kDay;
    const std::chrono::year_month_day date(kEpoch + std::chrono::days(static_cast<int>(days)));
    CivilTime time;
    time.year = static_cast<int>(date.year());
    time.month = static_cast<int>(static_cast<unsigned>(date.month()));
    time.day = static_cast<int>(static_cast<unsigned>(date.day()));
    time.hour = static_cast<int>(rest / 3600);
    rest -= time.hour * 3600.0;
    time.minute = static_cast<int>(rest / 60);
    time.second = rest - time.minute * 60.0;
    return time;
}

CFAbsoluteTime absolute_time(const CivilTime& time) {
    const std::chrono::sys_days day =
        std::chrono::sys_days(std::chrono::year(static_cast<int>(time.year)) /
                              std::chrono::month(static_cast<unsigned>(time.month)) /
                              std::chrono::day(1)) +
        std::chrono::days(time.day - 1);
    return static_cast<double>((day - kEpoch).count()) * kDay + time.hour * 3600.0 +
           time.minute * 60.0 + time.second;
}

std::string to_iso8601(CFAbsoluteTime at) {
    const CivilTime time = civil_time(std::floor(at));
    char text[32];
    std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ",
                  static_cast<int>(time.year % 10000), time.month % 100, time.day % 100,
                  time.hour % 100, time.minute % 100, static_cast<int>(time.second) % 100);
    return text;
}

std::optional<CFAbsoluteTime> from_iso8601(std::string_view text) {
    CivilTime time;
    const bool before_common_era = take(text, '-');
    time.year = take_digits(text, 4);
    if (time.year < 1 || before_common_era || !take(text, '-')) return std::nullopt;
    time.month = take_digits(text, 2);
    if (time.month < 1 || time.month > 12 || !take(text, '-')) return std::nullopt;
    time.day = take_digits(text, 2);
    if (time.day < 1 || time.day > days_in(time.year, time.month) || !take(text, 'T'))
        return std::nullopt;
    time.hour = take_digits(text, 2);
    if (time.hour < 0 || time.hour > 23 || !take(text, ':')) return std::nullopt;
    time.minute = take_digits(text, 2);
    if (time.minute < 0 || time.minute > 59 || !take(text, ':')) return std::nullopt;
    const int second = take_digits(text, 2);
    if (second < 0 || second > 60 || !take(text, 'Z') || !text.empty()) return std::nullopt;
    time.second = second;
    return absolute_time(time);
}

std::string Date::describe() const {
    const CivilTime time = civil_time(at);
    char text[48];
    std::snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d +0000",
                  static_cast<int>(time.year % 10000), time.month % 100, time.day % 100,
                  time.hour % 100, time.minute % 100, static_cast<int>(time.second) % 100);
    return text;
}

namespace {
const Date& date_of(CFDateRef ref, const char* function) {
    return to<Date>(ref, function);
}
}  // namespace
}  // namespace opendext::cf

using namespace opendext::cf;

const CFTimeInterval kCFAbsoluteTimeIntervalSince1970 = 978307200.0;
const CFTimeInterval kCFAbsoluteTimeIntervalSince1904 = 3061152000.0;

CFAbsoluteTime CFAbsoluteTimeGetCurrent(void) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9 -
           kCFAbsoluteTimeIntervalSince1970;
}

CFTypeID CFDateGetTypeID(void) {
    return static_cast<CFTypeID>(Type::date);
}

CFDateRef CFDateCreate(CFAllocatorRef, CFAbsoluteTime at) {
    return to_ref<CFDateRef>(new Date(at));
}

CFAbsoluteTime CFDateGetAbsoluteTime(CFDateRef theDate) {
    return date_of(theDate, "CFDateGetAbsoluteTime").at;
}

CFTimeInterval CFDateGetTimeIntervalSinceDate(CFDateRef theDate, CFDateRef otherDate) {
    return date_of(theDate, "CFDateGetTimeIntervalSinceDate").at -
           date_of(otherDate, "CFDateGetTimeIntervalSinceDate").at;
}

CFComparisonResult CFDateCompare(CFDateRef theDate, CFDateRef otherDate, void*) {
    const double difference = CFDateGetTimeIntervalSinceDate(theDate, otherDate);
    return difference < 0   ? kCFCompareLessThan
           : difference > 0 ? kCFCompareGreaterThan
                            : kCFCompareEqualTo;
}
