// SPDX-License-Identifier: Apache-2.0
// Checks of the rows that no rule of checks.py covers: templates whose arguments the facts lost,
// operators, constructors, variables. `// Row: NAME: SIGNATURE` (as in the CSV), below it the C++
// that compiles only if the row is declared so.
// clang-format off: the name of a row and its check have a line each.

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

// What reporters keep inside: results are counted pointers.
// Row: IOReporter_IVars.handleCreateLegend: OSSharedPtr handleCreateLegend()
static_assert(static_cast<OSSharedPtr<IOReportLegendEntry> (IOReporter_IVars::*)()>(&IOReporter_IVars::handleCreateLegend) != nullptr);
// Row: IOReporter_IVars.copyChannelIDs: OSSharedPtr copyChannelIDs()
static_assert(static_cast<OSSharedPtr<OSArray> (IOReporter_IVars::*)()>(&IOReporter_IVars::copyChannelIDs) != nullptr);
// Row: IOReporter_IVars.legendWith: static OSSharedPtr legendWith(OSArray *channelIDs, OSArray *channelNames, IOReportChannelType channelType, IOReportUnit unit)
static_assert(static_cast<OSSharedPtr<IOReportLegendEntry> (*)(OSArray *, OSArray *, IOReportChannelType, IOReportUnit)>(&IOReporter_IVars::legendWith) != nullptr);
// Row: IOHistogramReporter_IVars.handleCreateLegend: OSSharedPtr handleCreateLegend()
static_assert(static_cast<OSSharedPtr<IOReportLegendEntry> (IOHistogramReporter_IVars::*)()>(&IOHistogramReporter_IVars::handleCreateLegend) != nullptr);

// Placement new, of everything and of objects.
// Row: operator new: void *operator new(size_t, void *) noexcept
static_assert(static_cast<void *(*)(size_t, void *) noexcept>(&::operator new) != nullptr);
// Row: OSMetaClassBase.operator new: void *operator new(size_t, void *placed)
static_assert(static_cast<void *(*)(size_t, void *)>(&OSMetaClassBase::operator new) != nullptr);

// The templates themselves.
// Row: OSSharedPtr: template struct OSSharedPtr
static_assert(std::is_class_v<SharedPtr> && sizeof(SharedPtr) == sizeof(void *));
// Row: bounded_ptr: template struct bounded_ptr
static_assert(std::is_class_v<BoundedPtr> && sizeof(BoundedPtr) == 16);
// Row: bounded_array: template struct bounded_array
static_assert(std::is_aggregate_v<BoundedArray> && sizeof(BoundedArray) == 3 * sizeof(int));
// Row: bounded_array_ref: template struct bounded_array_ref
static_assert(std::is_class_v<BoundedArrayRef> && sizeof(BoundedArrayRef) == 16);
// Row: safe_allocation: template struct safe_allocation
static_assert(std::is_class_v<Allocation> && sizeof(Allocation) == 16);
// Row: OSAllocation: typedef libkern::libkern::safe_allocation OSAllocation
static_assert(std::is_same_v<OSAllocation<char>, libkern::safe_allocation<char, IOKit_allocator, panic_trapping_policy>>);
// Row: OSBoundedArray: typedef libkern::libkern::bounded_array OSBoundedArray
static_assert(std::is_same_v<OSBoundedArray<char, 4>, libkern::bounded_array<char, 4, panic_trapping_policy>>);
// Row: OSBoundedArrayRef: typedef libkern::libkern::bounded_array_ref OSBoundedArrayRef
static_assert(std::is_same_v<OSBoundedArrayRef<char>, libkern::bounded_array_ref<char, panic_trapping_policy>>);
// Row: OSBoundedPtr: typedef libkern::libkern::bounded_ptr OSBoundedPtr
static_assert(std::is_same_v<OSBoundedPtr<char>, libkern::bounded_ptr<char, panic_trapping_policy>>);
// Row: OSPtr: typedef type-parameter-0-0 *OSPtr
static_assert(std::is_same_v<OSPtr<OSString>, OSString *>);

// Their member types and fields that name another template.
// Row: OSSharedPtr.attacher: struct attacher
static_assert(std::is_class_v<SharedPtr::attacher>);
// Row: attacher.sp: OSSharedPtr & sp
static_assert(std::is_same_v<decltype(SharedPtr::attacher::sp), SharedPtr &>);
// Row: attacher.operator OSSharedPtr *: operator OSSharedPtr *() const
static_assert(std::is_convertible_v<const SharedPtr::attacher, SharedPtr *>);
// Row: attacher.operator type-parameter-0-0 **: operator pointer *() const
static_assert(std::is_convertible_v<const SharedPtr::attacher, OSString **>);
// Row: bounded_ptr.CharType: typedef detail::detail::copy_cv_t CharType
static_assert(std::is_same_v<BoundedPtr::CharType, char> && std::is_same_v<OSBoundedPtr<const int>::CharType, const char>);
// Row: bounded_array.data_: type-parameter-0-0 data_[]
static_assert(std::is_same_v<decltype(BoundedArray::data_), int[3]>);
// Row: bounded_array.iterator: typedef bounded_ptr iterator
static_assert(std::is_same_v<BoundedArray::iterator, BoundedPtr>);
// Row: bounded_array.const_iterator: typedef bounded_ptr const_iterator
static_assert(std::is_same_v<BoundedArray::const_iterator, OSBoundedPtr<const int>>);
// Row: bounded_array_ref.iterator: typedef bounded_ptr iterator
static_assert(std::is_same_v<BoundedArrayRef::iterator, BoundedPtr>);
// Row: safe_allocation.iterator: typedef bounded_ptr iterator
static_assert(std::is_same_v<Allocation::iterator, BoundedPtr>);
// Row: safe_allocation.const_iterator: typedef bounded_ptr const_iterator
static_assert(std::is_same_v<Allocation::const_iterator, OSBoundedPtr<const int>>);
// Row: bounded_array_ref.bounded_array_ref: bounded_array_ref(T(&)[N](& array)[])
static_assert(std::is_convertible_v<int (&)[5], BoundedArrayRef>);
// Row: bounded_array_ref.bounded_array_ref: bounded_array_ref(bounded_array & data)
static_assert(std::is_convertible_v<BoundedArray &, BoundedArrayRef>);
// Row: safe_allocation.safe_allocation: safe_allocation(const safe_allocation &)
static_assert(!std::is_copy_constructible_v<Allocation>);
// Row: safe_allocation.operator=: safe_allocation & operator=(const safe_allocation &)
static_assert(!std::is_copy_assignable_v<Allocation>);
// Row: bounded_ptr.operator*: template T_ & & operator *()
static_assert(std::is_same_v<decltype(*std::declval<BoundedPtr &>()), int &>);
// Row: bounded_ptr.operator[]: template T_ & & operator[](ptrdiff_t n)
static_assert(std::is_same_v<decltype(std::declval<BoundedPtr &>()[ptrdiff_t(1)]), int &>);
// Row: bounded_ptr.operator+=: template bounded_ptr & operator+=(ptrdiff_t n)
static_assert(std::is_same_v<decltype(std::declval<BoundedPtr &>() += ptrdiff_t(1)), BoundedPtr &>);
// Row: bounded_ptr.operator-=: template bounded_ptr & operator-=(ptrdiff_t n)
static_assert(std::is_same_v<decltype(std::declval<BoundedPtr &>() -= ptrdiff_t(1)), BoundedPtr &>);
// Row: bounded_ptr.operator=: template >> bounded_ptr & operator=(const bounded_ptr & other)
static_assert(std::is_assignable_v<OSBoundedPtr<const int> &, const BoundedPtr &> && !std::is_assignable_v<BoundedPtr &, const OSBoundedPtr<const int> &>);
// Row: OSSharedPtr.operator=: template >> OSSharedPtr & operator=(OSSharedPtr && other)
static_assert(std::is_assignable_v<OSSharedPtr<OSObject> &, SharedPtr &&> && !std::is_assignable_v<SharedPtr &, OSSharedPtr<OSObject> &&>);
// Row: OSSharedPtr.operator=: template >> OSSharedPtr & operator=(const OSSharedPtr & other)
static_assert(std::is_assignable_v<OSSharedPtr<OSObject> &, const SharedPtr &> && !std::is_assignable_v<SharedPtr &, const OSSharedPtr<OSObject> &>);

// Comparisons.
// Row: operator: template > bool operator & a, U **b)
static_assert(less<const BoundedPtr &, int *>);
// Row: operator: template > bool operator & a, const bounded_ptr & b)
static_assert(less<const BoundedPtr &, const BoundedPtr &>);
// Row: operator: template > bool operator & b)
static_assert(less<int *, const BoundedPtr &>);
// Row: operator>: template > bool operator>(T **a, const bounded_ptr & b)
static_assert(greater<int *, const BoundedPtr &>);
// Row: operator>: template > bool operator>(const bounded_ptr & a, U **b)
static_assert(greater<const BoundedPtr &, int *>);
// Row: operator>: template > bool operator>(const bounded_ptr & a, const bounded_ptr & b)
static_assert(greater<const BoundedPtr &, const BoundedPtr &>);
// Row: operator>=: template > bool operator>=(T **a, const bounded_ptr & b)
static_assert(not_less<int *, const BoundedPtr &>);
// Row: operator>=: template > bool operator>=(const bounded_ptr & a, U **b)
static_assert(not_less<const BoundedPtr &, int *>);
// Row: operator>=: template > bool operator>=(const bounded_ptr & a, const bounded_ptr & b)
static_assert(not_less<const BoundedPtr &, const BoundedPtr &>);
// Row: operator==: template > bool operator==(U **a, const bounded_ptr & b)
static_assert(equal<int *, const BoundedPtr &>);
// Row: operator==: template > bool operator==(const bounded_ptr & a, U **b)
static_assert(equal<const BoundedPtr &, int *>);
// Row: operator==: template > bool operator==(const bounded_ptr & a, const bounded_ptr & b)
static_assert(equal<const BoundedPtr &, const BoundedPtr &>);
// Row: operator==: template bool operator==(const bounded_ptr & p, detail::nullptr_t)
static_assert(equal<const BoundedPtr &, std::nullptr_t>);
// Row: operator==: template bool operator==(detail::nullptr_t, const bounded_ptr & p)
static_assert(equal<std::nullptr_t, const BoundedPtr &>);
// Row: operator==: template bool operator==(bar_detail::nullptr_t, const bounded_array_ref & x)
static_assert(equal<std::nullptr_t, const BoundedArrayRef &>);
// Row: operator==: template bool operator==(const bounded_array_ref & x, bar_detail::nullptr_t)
static_assert(equal<const BoundedArrayRef &, std::nullptr_t>);
// Row: operator==: template bool operator==(const safe_allocation & x, sa_detail::nullptr_t)
static_assert(equal<const Allocation &, std::nullptr_t>);
// Row: operator==: template bool operator==(sa_detail::nullptr_t, const safe_allocation & x)
static_assert(equal<std::nullptr_t, const Allocation &>);
// Row: operator!=: template > bool operator!=(U **a, const bounded_ptr & b)
static_assert(not_equal<int *, const BoundedPtr &>);
// Row: operator!=: template > bool operator!=(const bounded_ptr & a, U **b)
static_assert(not_equal<const BoundedPtr &, int *>);
// Row: operator!=: template > bool operator!=(const bounded_ptr & a, const bounded_ptr & b)
static_assert(not_equal<const BoundedPtr &, const BoundedPtr &>);
// Row: operator!=: template bool operator!=(const bounded_ptr & p, detail::nullptr_t)
static_assert(not_equal<const BoundedPtr &, std::nullptr_t>);
// Row: operator!=: template bool operator!=(detail::nullptr_t, const bounded_ptr & p)
static_assert(not_equal<std::nullptr_t, const BoundedPtr &>);
// Row: operator!=: template bool operator!=(bar_detail::nullptr_t, const bounded_array_ref & x)
static_assert(not_equal<std::nullptr_t, const BoundedArrayRef &>);
// Row: operator!=: template bool operator!=(const bounded_array_ref & x, bar_detail::nullptr_t)
static_assert(not_equal<const BoundedArrayRef &, std::nullptr_t>);
// Row: operator!=: template bool operator!=(const safe_allocation & x, sa_detail::nullptr_t)
static_assert(not_equal<const Allocation &, std::nullptr_t>);
// Row: operator!=: template bool operator!=(sa_detail::nullptr_t, const safe_allocation & x)
static_assert(not_equal<std::nullptr_t, const Allocation &>);

// Arithmetic of bounded_ptr.
// Row: operator+: bounded_ptr operator+(bounded_ptr p, ptrdiff_t n)
static_assert(std::is_same_v<decltype(std::declval<BoundedPtr>() + ptrdiff_t(1)), BoundedPtr>);
// Row: operator+: bounded_ptr operator+(ptrdiff_t n, bounded_ptr p)
static_assert(std::is_same_v<decltype(ptrdiff_t(1) + std::declval<BoundedPtr>()), BoundedPtr>);
// Row: operator-: bounded_ptr operator-(bounded_ptr p, ptrdiff_t n)
static_assert(std::is_same_v<decltype(std::declval<BoundedPtr>() - ptrdiff_t(1)), BoundedPtr>);
// Row: operator-: ptrdiff_t operator-(const bounded_ptr & a, const bounded_ptr & b)
static_assert(std::is_same_v<decltype(std::declval<const BoundedPtr &>() - std::declval<const BoundedPtr &>()), ptrdiff_t>);
// Row: operator-: ptrdiff_t operator-(const bounded_ptr & a, const type-parameter-0-0 *b)
static_assert(std::is_same_v<decltype(std::declval<const BoundedPtr &>() - std::declval<const int *>()), ptrdiff_t>);
// Row: operator-: ptrdiff_t operator-(const type-parameter-0-0 *a, const bounded_ptr & b)
static_assert(std::is_same_v<decltype(std::declval<const int *>() - std::declval<const BoundedPtr &>()), ptrdiff_t>);

// Casts, swaps.
// Row: OSConstPtrCast: template OSSharedPtr OSConstPtrCast(OSSharedPtr && ptr) noexcept
static_assert(std::is_same_v<decltype(OSConstPtrCast<OSString>(std::declval<OSSharedPtr<const OSString>>())), SharedPtr>);
// Row: OSConstPtrCast: template OSSharedPtr OSConstPtrCast(const OSSharedPtr & ptr) noexcept
static_assert(std::is_same_v<decltype(OSConstPtrCast<OSString>(std::declval<const OSSharedPtr<const OSString> &>())), SharedPtr>);
// Row: OSStaticPtrCast: template OSSharedPtr OSStaticPtrCast(OSSharedPtr && ptr) noexcept
static_assert(std::is_same_v<decltype(OSStaticPtrCast<OSString>(std::declval<OSSharedPtr<OSObject>>())), SharedPtr>);
// Row: OSStaticPtrCast: template OSSharedPtr OSStaticPtrCast(const OSSharedPtr & ptr) noexcept
static_assert(std::is_same_v<decltype(OSStaticPtrCast<OSString>(std::declval<const OSSharedPtr<OSObject> &>())), SharedPtr>);
// Row: reinterpret_pointer_cast: template T **reinterpret_pointer_cast(U **p) noexcept
static_assert(std::is_same_v<decltype(libkern::reinterpret_pointer_cast<char>(std::declval<int *>())), char *>);
// Row: reinterpret_pointer_cast: template bounded_ptr reinterpret_pointer_cast(const bounded_ptr & p) noexcept
static_assert(std::is_same_v<decltype(libkern::reinterpret_pointer_cast<char>(std::declval<const BoundedPtr &>())), OSBoundedPtr<char>>);
// Row: reinterpret_pointer_cast: template bounded_ptr reinterpret_pointer_cast(const bounded_ptr &) noexcept
static_assert(noexcept(libkern::reinterpret_pointer_cast<char>(std::declval<const BoundedPtr &>())));
// Row: swap: constexpr void swap(OSSharedPtr & a, OSSharedPtr & b) noexcept
static_assert(noexcept(swap(std::declval<SharedPtr &>(), std::declval<SharedPtr &>())));
// Row: swap: void swap(safe_allocation & a, safe_allocation & b) noexcept
static_assert(noexcept(swap(std::declval<Allocation &>(), std::declval<Allocation &>())));

// Tags.
// Row: OSNoRetain: constexpr static const auto OSNoRetain
static_assert(std::is_same_v<decltype(OSNoRetain), const OS_no_retain_t>);
// Row: OSRetain: constexpr static const auto OSRetain
static_assert(std::is_same_v<decltype(OSRetain), const OS_retain_t>);
// Row: adopt_memory: constexpr const adopt_memory_t adopt_memory
static_assert(std::is_same_v<decltype(libkern::adopt_memory), const libkern::adopt_memory_t>);
// Row: allocate_memory: constexpr const allocate_memory_t allocate_memory
static_assert(std::is_same_v<decltype(libkern::allocate_memory), const libkern::allocate_memory_t>);
// Row: allocate_memory_zero: constexpr const allocate_memory_zero_t allocate_memory_zero
static_assert(std::is_same_v<decltype(libkern::allocate_memory_zero), const libkern::allocate_memory_zero_t>);
// Row: adopt_memory_t: struct adopt_memory_t
static_assert(std::is_empty_v<libkern::adopt_memory_t>);
// Row: allocate_memory_t: struct allocate_memory_t
static_assert(std::is_empty_v<libkern::allocate_memory_t>);
// Row: allocate_memory_zero_t: struct allocate_memory_zero_t
static_assert(std::is_empty_v<libkern::allocate_memory_zero_t>);
// Row: panic_trapping_policy: struct panic_trapping_policy
static_assert(std::is_class_v<panic_trapping_policy>);
// Row: adopt_memory_t.adopt_memory_t: explicit adopt_memory_t()
static_assert(std::is_default_constructible_v<libkern::adopt_memory_t> && !has_implicit_default<libkern::adopt_memory_t>);
// Row: allocate_memory_t.allocate_memory_t: explicit allocate_memory_t()
static_assert(std::is_default_constructible_v<libkern::allocate_memory_t> && !has_implicit_default<libkern::allocate_memory_t>);
// Row: allocate_memory_zero_t.allocate_memory_zero_t: explicit allocate_memory_zero_t()
static_assert(std::is_default_constructible_v<libkern::allocate_memory_zero_t> && !has_implicit_default<libkern::allocate_memory_zero_t>);
// Row: OSAdoptMemory: constexpr const auto OSAdoptMemory
static_assert(std::is_same_v<decltype(OSAdoptMemory), const libkern::adopt_memory_t>);
// Row: OSAllocateMemory: constexpr const auto OSAllocateMemory
static_assert(std::is_same_v<decltype(OSAllocateMemory), const libkern::allocate_memory_t>);
// Row: OSAllocateMemoryZero: constexpr const auto OSAllocateMemoryZero
static_assert(std::is_same_v<decltype(OSAllocateMemoryZero), const libkern::allocate_memory_zero_t>);

// Type traits.
// Row: copy_const: template struct copy_const
static_assert(std::is_class_v<detail::copy_const<int, char>>);
// Row: copy_const.type: typedef type-parameter-0-1 type
static_assert(std::is_same_v<detail::copy_const<int, char>::type, char>);
// Row: copy_const_t: typedef typename copy_const::type copy_const_t
static_assert(std::is_same_v<detail::copy_const_t<const int, char>, const char>);
// Row: copy_cv: template struct copy_cv
static_assert(std::is_class_v<detail::copy_cv<int, char>>);
// Row: copy_cv.type: typedef const type-parameter-0-1 type
static_assert(std::is_same_v<detail::copy_cv<const int, char>::type, const char>);
// Row: copy_cv_t: typedef typename copy_cv::type copy_cv_t
static_assert(std::is_same_v<detail::copy_cv_t<const volatile int, char>, const volatile char>);
// Row: enable_if: template struct enable_if
static_assert(std::is_class_v<detail::enable_if<false, int>>);
// Row: enable_if.type: typedef type-parameter-0-0 type
static_assert(std::is_same_v<detail::enable_if<true, int>::type, int>);
// Row: enable_if_t: typedef typename enable_if::type enable_if_t
static_assert(std::is_same_v<detail::enable_if_t<true, int>, int>);
// Row: remove_const: template struct remove_const
static_assert(std::is_class_v<detail::remove_const<const int>>);
// Row: remove_const.type: typedef type-parameter-0-0 type
static_assert(std::is_same_v<detail::remove_const<const int>::type, int>);
// Row: remove_const_t: typedef typename remove_const::type remove_const_t
static_assert(std::is_same_v<detail::remove_const_t<const int>, int>);
// Row: void_t: typedef void void_t
static_assert(std::is_same_v<detail::void_t<int, char>, void>);
// Row: nullptr_t: typedef nullptr_t nullptr_t
static_assert(std::is_same_v<detail::nullptr_t, decltype(nullptr)>);
// Row: WhenComparable: typedef void_t() == declval()), decltype(declval() != declval())> WhenComparable
static_assert(std::is_same_v<detail::WhenComparable<int *, const int *>, void>);
// Row: WhenOrderable: typedef void_t()()), decltype(declval() > declval()), decltype(declval() >= declval()), decltype(declval()())> WhenOrderable
static_assert(std::is_same_v<detail::WhenOrderable<int *, const int *>, void>);
// Row: is_convertible_v: template constexpr const bool is_convertible_v
static_assert(detail::is_convertible_v<int *, const int *> && !detail::is_convertible_v<const int *, int *>);
// Row: is_empty_v: template constexpr const bool is_empty_v
static_assert(detail::is_empty_v<Empty> && !detail::is_empty_v<SharedPtr>);
// Row: is_nothrow_default_constructible_v: template constexpr const bool is_nothrow_default_constructible_v
static_assert(detail::is_nothrow_default_constructible_v<Empty>);
// Row: is_trivially_destructible_v: template constexpr const bool is_trivially_destructible_v
static_assert(detail::is_trivially_destructible_v<Empty> && !detail::is_trivially_destructible_v<NotTrivial>);
// Row: is_void_v: template <> constexpr const bool is_void_v
static_assert(detail::is_void_v<void>);
// Row: is_void_v: template constexpr const bool is_void_v
static_assert(!detail::is_void_v<int>);
// Row: sizeof_v: template <> constexpr const size_t sizeof_v
static_assert(detail::sizeof_v<void> == 0);
// Row: sizeof_v: template constexpr const size_t sizeof_v
static_assert(detail::sizeof_v<uint64_t> == 8);
// Row: declval: template T && && declval() noexcept
static_assert(std::is_same_v<decltype(detail::declval<int>()), int &&> && noexcept(detail::declval<int>()));
// Row: generic_swap: template void generic_swap(T & & a, T & & b)
static_assert(static_cast<void (*)(int &, int &)>(&detail::generic_swap<int>) != nullptr);
// Row: destroy: template > *= nullptr> void destroy(T **, T **)
static_assert(static_cast<void (*)(int *, int *)>(&detail::destroy<int>) != nullptr);
// Row: destroy: template > *= nullptr> void destroy(T **first, T **last)
static_assert(static_cast<void (*)(NotTrivial *, NotTrivial *)>(&detail::destroy<NotTrivial>) != nullptr);
// Row: uninitialized_value_construct: template void uninitialized_value_construct(T **first, T **last)
static_assert(static_cast<void (*)(int *, int *)>(&detail::uninitialized_value_construct<int>) != nullptr);
