// SPDX-License-Identifier: Apache-2.0
// Checks of the rows that no rule of checks.py covers: templates whose arguments the facts lost, operators, constructors,
// variables. `// Row: NAME: SIGNATURE` (as in the CSV), below it the C++ that compiles only if the row is declared so.

// The clocks that C's library has too keep its numbers: its own headers use the names in inline code. What drivers compare
// or store is never one of these.
// Row: clockid_t.CLOCK_MONOTONIC: CLOCK_MONOTONIC = 6
// Deviation: the number is the C library's, so that clock_gettime and its inline users work
static_assert(same(CLOCK_MONOTONIC, 1));
// Row: clockid_t.CLOCK_PROCESS_CPUTIME_ID: CLOCK_PROCESS_CPUTIME_ID = 12
// Deviation: the number is the C library's, so that clock_gettime and its inline users work
static_assert(same(CLOCK_PROCESS_CPUTIME_ID, 2));
// Row: clockid_t.CLOCK_THREAD_CPUTIME_ID: CLOCK_THREAD_CPUTIME_ID = 16
// Deviation: the number is the C library's, so that clock_gettime and its inline users work
static_assert(same(CLOCK_THREAD_CPUTIME_ID, 3));

// Values that are expressions.
// Row: NULL: #define NULL nullptr
static_assert(static_cast<void *>(NULL) == nullptr);
// Row: IO_NULL_VM_TASK: #define IO_NULL_VM_TASK ((vm_task_t)0)
static_assert(std::is_same_v<decltype(IO_NULL_VM_TASK), vm_task_t> && IO_NULL_VM_TASK == 0);
// Row: IO_OBJECT_NULL: #define IO_OBJECT_NULL ((io_object_t) 0)
static_assert(std::is_same_v<decltype(IO_OBJECT_NULL), io_object_t> && IO_OBJECT_NULL == 0);
// Row: PRIIOByteCount: #define PRIIOByteCount PRIu64
static_assert(std::string_view(PRIIOByteCount) == PRIu64);
// Row: OS_LOG_DEFAULT: #define OS_LOG_DEFAULT (the default log object; expression of type os_log_t)
static_assert(std::is_same_v<decltype(OS_LOG_DEFAULT), os_log_t>);
// Row: OS_LOG_DISABLED: #define OS_LOG_DISABLED NULL
static_assert(OS_LOG_DISABLED == nullptr);

// The facts lost the blank before the parameter's name.
// Row: OSCreateSerializationFromBytes: OSSerializationPtr OSCreateSerializationFromBytes(const void *bytes, size_t length, OSSerializationFreeBufferHandlerfreeBuffer)
static_assert(static_cast<OSSerializationPtr (*)(const void *, size_t, OSSerializationFreeBufferHandler)>(&OSCreateSerializationFromBytes) != nullptr);
// Row: OSSerialization.createFromBytes: static OSSerializationPtr createFromBytes(const void *bytes, size_t length, OSSerializationFreeBufferHandlerfreeBuffer)
static_assert(static_cast<OSSerializationPtr (*)(const void *, size_t, OSSerializationFreeBufferHandler)>(&OSSerialization::createFromBytes) != nullptr);

// The header of vendor pages has its name in another row.
// Row: PAGE_CODE: UInt8 PAGE_CODE
static_assert(std::is_same_v<decltype(SCSICmd_INQUIRY_PageCx_Header::PAGE_CODE), UInt8>);
// Row: PAGE_LENGTH: UInt8 PAGE_LENGTH
static_assert(std::is_same_v<decltype(SCSICmd_INQUIRY_PageCx_Header::PAGE_LENGTH), UInt8>);
// Row: PERIPHERAL_DEVICE_TYPE: UInt8 PERIPHERAL_DEVICE_TYPE
static_assert(std::is_same_v<decltype(SCSICmd_INQUIRY_PageCx_Header::PERIPHERAL_DEVICE_TYPE), UInt8>);
// Row: RESERVED: UInt8 RESERVED
static_assert(std::is_same_v<decltype(SCSICmd_INQUIRY_PageCx_Header::RESERVED), UInt8>);

// Variables.
// Row: IOVMPageSize: extern uint64_t IOVMPageSize
static_assert(std::is_same_v<decltype(IOVMPageSize), uint64_t>);
// Row: kOSBooleanTrue: extern OSBooleanPtr kOSBooleanTrue
static_assert(std::is_same_v<decltype(kOSBooleanTrue), OSBooleanPtr>);
// Row: kOSBooleanFalse: extern OSBooleanPtr kOSBooleanFalse
static_assert(std::is_same_v<decltype(kOSBooleanFalse), OSBooleanPtr>);
