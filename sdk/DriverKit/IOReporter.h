/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_IOREPORTER_H
#define DRIVERKIT_IOREPORTER_H

/*
 * Reporters keep what a driver counts and measures in channels, and hand it to who asks through
 * IOService::ConfigureReport and UpdateReport. IOReporter is their base: make an IOSimpleReporter,
 * IOStateReporter or IOHistogramReporter. Signatures: docs/facts/driverkit-api.csv.
 *
 * Any thread may call any method; the two locks of IOReporter_IVars see to that. Times are those of
 * mach_absolute_time. What `with` and `createLegend` return belongs to the caller.
 */
#include <limits.h>

#include <DriverKit/IOKernelReportStructs.h>
#include <DriverKit/IOLib.h>
#include <DriverKit/IOReportTypes.h>
#include <DriverKit/OSArray.h>
#include <DriverKit/OSDictionary.h>
#include <DriverKit/OSSharedPtr.h>

class IOService;
class IOMemoryDescriptor;
class IOReporter;

/* A reporter's channels as its service publishes them: kIOReportLegendChannelsKey, an array of
 * {id, type, name}, and kIOReportLegendInfoKey, a dictionary with the unit. */
typedef OSDictionary IOReportLegendEntry;

/* Lines of the log about reporting. Errors are logged as long as IORERROR_LOG is defined. */
#define IORLOG(fmt, args...) IOLog("IOReporting: " fmt "\n", ##args)
#define IORERROR_LOG
#ifdef IORERROR_LOG
#define IORERROR(fmt, args...) IORLOG(fmt, ##args)
#else
#define IORERROR(fmt, args...) ((void)0)
#endif

/* In methods of IOReporter_IVars that need a lock: log an error if the caller does not hold it. */
#define IOREPORTER_CHECK_LOCK()                                                                \
    do {                                                                                       \
        if (!reporterIsLocked) IORERROR("%s is called without the reporter's lock", __func__); \
    } while (0)
#define IOREPORTER_CHECK_CONFIG_LOCK()                                           \
    do {                                                                         \
        if (!reporterConfigIsLocked)                                             \
            IORERROR("%s is called without the configuration's lock", __func__); \
    } while (0)
/* There too: one element, to the log. */
#define IOREPORTER_DEBUG_ELEMENT(idx)                                                       \
    IORLOG("element %d: provider %#llx channel %#llx: %#llx %#llx %#llx %#llx", (int)(idx), \
           (unsigned long long)elements[idx].provider_id,                                   \
           (unsigned long long)elements[idx].channel_id,                                    \
           (unsigned long long)elements[idx].values.v[0],                                   \
           (unsigned long long)elements[idx].values.v[1],                                   \
           (unsigned long long)elements[idx].values.v[2],                                   \
           (unsigned long long)elements[idx].values.v[3])

/*
 * Before memory for `__val` elements of `__type` is asked for: a number that is not positive, or
 * whose bytes do not fit an int, is an error in the log. FAIL sets the caller's `res`
 * (kIOReturnUnderrun, kIOReturnOverrun) and goes to the caller's label `finish`; PANIC ends the
 * process.
 */
#define PREFL_MEMOP_FAIL(__val, __type)                                                \
    do {                                                                               \
        if ((__val) <= 0) {                                                            \
            IORERROR("%s: %s is not positive", __func__, #__val);                      \
            res = kIOReturnUnderrun;                                                   \
            goto finish;                                                               \
        }                                                                              \
        if ((__val) > INT_MAX / (int)sizeof(__type)) {                                 \
            IORERROR("%s: %s elements of %s are too many", __func__, #__val, #__type); \
            res = kIOReturnOverrun;                                                    \
            goto finish;                                                               \
        }                                                                              \
    } while (0)
#define PREFL_MEMOP_PANIC(__val, __type)                                                   \
    do {                                                                                   \
        if ((__val) <= 0 || (__val) > INT_MAX / (int)sizeof(__type))                       \
            panic("%s: %s elements of %s cannot be allocated", __func__, #__val, #__type); \
    } while (0)

/*
 * What a reporter consists of. Elements of one channel follow each other: element =
 * channel * channelDimension + index in the channel. `reporterLock` guards the values, `configLock`
 * the set of channels; who takes both takes configLock first.
 *
 * A channel is added in three steps, so that values are not locked while memory is allocated:
 * handleSwapPrepare makes larger arrays, handleAddChannelSwap fills and exchanges them,
 * handleSwapCleanup frees the old ones.
 */
struct OPENDEXT_EXPORT IOReporter_IVars {
    IOReporter_IVars(IOService* reportingService, IOReportChannelType channelType,
                     IOReportUnit unit);
    virtual ~IOReporter_IVars();
    IOReporter_IVars(const IOReporter_IVars&) = delete;
    IOReporter_IVars& operator=(const IOReporter_IVars&) = delete;

    /* False if the constructor could not do its work; nothing else may be called then. */
    bool valid();

    void lockReporter();
    void unlockReporter();
    void lockReporterConfig();
    void unlockReporterConfig();

    /* With configLock. */
    virtual IOReturn handleSwapPrepare(int newNChannels);
    /* With both locks. `symChannelName` may be NULL. */
    virtual IOReturn handleAddChannelSwap(uint64_t channel_id, const OSString* symChannelName);
    /* With configLock. `swapNChannels`: for how many channels the swap arrays have room. */
    virtual void handleSwapCleanup(int swapNChannels);

    /* With both locks. Channels of the list that are not the reporter's are passed over. */
    IOReturn handleConfigureReport(IOReportChannelList* channelList, IOReportConfigureAction action,
                                   uint32_t& elementCount);
    IOReturn handleUpdateReport(IOReportChannelList* channelList, IOReportConfigureAction action,
                                uint32_t& elementCount, uint8_t*& buffer, size_t& capacity);
    /* With configLock. */
    virtual OSSharedPtr<IOReportLegendEntry> handleCreateLegend();

    /* With reporterLock: brings a channel's values up to date before they are read. */
    virtual IOReturn updateChannelValues(int channel_index);
    /* With reporterLock: appends the elements of a channel; kIOReturnOverrun if they do not fit. */
    IOReturn updateReportChannel(int channel_index, uint32_t& elementCount, uint8_t*& buffer,
                                 size_t& capacity);

    /* With reporterLock. `record_time` 0 = now. */
    IOReturn setElementValues(int element_index, IOReportElementValues* values,
                              uint64_t record_time);
    /* NULL for an index that does not exist; valid while the lock is held. */
    const IOReportElementValues* getElementValues(int element_index);
    IOReturn copyElementValues(int element_index, IOReportElementValues* elementValues);

    /* With reporterLock. kIOReturnBadArgument for a channel that does not exist. */
    IOReturn getFirstElementIndex(uint64_t channel_id, int* element_index);
    IOReturn getChannelIndex(uint64_t channel_id, int* channel_index);
    IOReturn getChannelIndices(uint64_t channel_id, int* channel_index, int* element_index);
    /* With configLock. OSNumbers. */
    OSSharedPtr<OSArray> copyChannelIDs();

    static OSSharedPtr<IOReportLegendEntry> legendWith(OSArray* channelIDs, OSArray* channelNames,
                                                       IOReportChannelType channelType,
                                                       IOReportUnit unit);

    uint64_t driver_id; /* registry entry id of the service */
    IOReportChannelType channelType;
    uint16_t channelDimension; /* elements of a channel */
    IOReportUnit unit;
    int nChannels;
    int nElements;
    IOReportElement* elements;
    int* enableCounts;     /* of each channel */
    int enabled;           /* channels that are enabled */
    OSArray* channelNames; /* OSString, or kOSBooleanFalse for a channel without a name */
    IOReportElement* swapElements;
    int* swapEnableCounts;
    IOLock* reporterLock;
    IOLock* configLock;
    bool reporterIsLocked;
    bool reporterConfigIsLocked;
};

/* In a constructor of IVars: makes them invalid unless the constructor gets as far as disarm(). */
struct OPENDEXT_EXPORT IVarsInvalidator {
    explicit IVarsInvalidator(IOReporter_IVars& ivars);
    ~IVarsInvalidator();
    IVarsInvalidator(const IVarsInvalidator&) = delete;
    IVarsInvalidator& operator=(const IVarsInvalidator&) = delete;
    void disarm();

    IOReporter_IVars* ivars;
};

extern OPENDEXT_EXPORT OSMetaClass* gIOReporterMetaClass;

class OPENDEXT_EXPORT IOReporter : public OSObject {
  public:
    using super = OSObject;

    /* A further channel; kIOReturnBadArgument if there is one of that id. `channelName` may be
     * NULL. */
    virtual IOReturn addChannel(uint64_t channelID, const char* channelName = nullptr);

    /* The channels for people and tools; retained for the caller. */
    IOReportLegendEntry* createLegend();

    /* kIOReportEnable and kIOReportDisable count for each channel of the list that is the
     * reporter's; kIOReportGetDimensions adds their elements to `elementCount`. Other actions:
     * kIOReturnUnsupported. */
    IOReturn configureReport(IOReportChannelList* channelList, IOReportConfigureAction action,
                             uint32_t& elementCount);
    /* kIOReportCopyChannelData writes an IOReportElement for each element of those channels, moves
     * `buffer` and lessens `capacity` (bytes), and adds to `elementCount`. */
    IOReturn updateReport(IOReportChannelList* channelList, IOReportConfigureAction action,
                          uint32_t& elementCount, uint8_t*& buffer, size_t& capacity);

    /* The same for all reporters of a set or array, as IOService::ConfigureReport and UpdateReport
     * get it: `channels` holds an IOReportChannelList. Counts are added to what is there. */
    static IOReturn configureAllReports(OSCollection* reporters, OSData* channels,
                                        IOReportConfigureAction action, uint32_t* outCount);
    static IOReturn updateAllReports(OSCollection* reporters, OSData* channels,
                                     IOReportConfigureAction action, uint32_t* outElementCount,
                                     uint64_t offset, uint64_t capacity,
                                     IOMemoryDescriptor* buffer);

    void free() override;

    IOReporter_IVars* ivars;

  protected:
    /* For initWith: takes `made`; false and deleted if it is not valid. */
    bool adopt(IOReporter_IVars* made);
};

static inline IOReporter_IVars* get_IOReporter_IVars(IOReporter* p) {
    return p->ivars;
}
static inline IOReporter_IVars* get_IOReporter_IVars(IOReporter_IVars* p) {
    return p;
}

#endif /* DRIVERKIT_IOREPORTER_H */
