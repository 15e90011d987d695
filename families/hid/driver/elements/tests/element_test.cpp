// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSArray.h>
#include <DriverKit/OSData.h>
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "families/hid/driver/elements/element_tree.h"
#include "families/hid/parse/tests/descriptors.h"

namespace {

using namespace opendext::hid;
using namespace opendext::hid::tests;

/// The device at the other end: keeps feature and output reports as they are sent.
struct Device : ElementHost {
    ElementTree* tree = nullptr;
    std::map<std::pair<ReportType, uint8_t>, Bytes> reports;
    IOReturn answer = kIOReturnSuccess;
    uint64_t now = 1000;

    IOReturn exchange(IOHIDElement* object, IOHIDElementCommitDirection direction) override {
        const Element* element = tree->find(object);
        if (element == nullptr) return kIOReturnBadArgument;
        if (answer != kIOReturnSuccess) return answer;
        Bytes& report = reports[{element->report_type, element->report_id}];
        if (direction == kIOHIDElementCommitDirectionOut) {
            report = tree->give(element->report_type, element->report_id);
        } else {
            tree->take(++now, element->report_type, element->report_id, report, nullptr);
        }
        return kIOReturnSuccess;
    }
};

class Elements : public testing::Test {
  protected:
    void use(const Bytes& bytes) {
        auto descriptor = parse_descriptor(bytes);
        ASSERT_TRUE(descriptor.ok());
        tree_ = ElementTree::make(std::move(descriptor).value(), device_);
        ASSERT_NE(tree_, nullptr);
        device_.tree = tree_.get();
    }
    /// The first element with the usage that is no collection.
    IOHIDElement* with_usage(uint32_t page, uint32_t usage) {
        for (uint32_t i = 0; i < tree_->elements()->getCount(); ++i) {
            IOHIDElement* element = at(i);
            if (element->getType() != kIOHIDElementTypeCollection &&
                element->getUsagePage() == page && element->getUsage() == usage) {
                return element;
            }
        }
        ADD_FAILURE() << "no element " << page << ":" << usage;
        return at(0);
    }
    IOHIDElement* at(uint32_t index) {
        return OSDynamicCast(IOHIDElement, tree_->elements()->getObject(index));
    }
    using Changes = std::vector<std::pair<uint32_t, int64_t>>;
    /// Gives the elements an input report; what changed, by usage.
    Changes take(uint64_t time, const Bytes& report) {
        Changes changes;
        const uint8_t id = tree_->descriptor().id_of(report);
        tree_->take(time, ReportType::input, id, report,
                    [&](const Element& element, int64_t value) {
                        changes.emplace_back(element.usage, value);
                    });
        return changes;
    }

    Device device_;
    std::unique_ptr<ElementTree> tree_;
};

// Facts: IOHIDElement.getCookie, IOHIDElement.getType, IOHIDElement.getCollectionType,
// Facts: IOHIDElement.getUsagePage, IOHIDElement.getUsage, IOHIDElement.getParentElement,
// Facts: IOHIDElement.getChildElements
TEST_F(Elements, StandAsTheDescriptorHasThem) {
    use(wheel_mouse);
    ASSERT_EQ(tree_->elements()->getCount(), 8U);
    IOHIDElement* mouse = at(0);
    EXPECT_EQ(mouse->getCookie(), 1U);
    EXPECT_EQ(mouse->getType(), kIOHIDElementTypeCollection);
    EXPECT_EQ(mouse->getCollectionType(), kIOHIDElementCollectionTypeApplication);
    EXPECT_EQ(mouse->getUsagePage(), 1U);
    EXPECT_EQ(mouse->getUsage(), 2U);
    EXPECT_EQ(mouse->getParentElement(), nullptr);
    ASSERT_EQ(mouse->getChildElements()->getCount(), 1U);
    IOHIDElement* pointer = at(1);
    EXPECT_EQ(mouse->getChildElements()->getObject(0), pointer);
    EXPECT_EQ(pointer->getCollectionType(), kIOHIDElementCollectionTypePhysical);
    EXPECT_EQ(pointer->getChildElements()->getCount(), 6U);
    EXPECT_EQ(at(2)->getType(), kIOHIDElementTypeInput_Button);
    EXPECT_EQ(at(5)->getType(), kIOHIDElementTypeInput_Axis);
    EXPECT_EQ(at(5)->getParentElement(), pointer);
    EXPECT_EQ(at(5)->getChildElements(), nullptr);
    EXPECT_EQ(tree_->find(at(5))->cookie, 6U);
}

// Facts: IOHIDElement.conformsTo
TEST_F(Elements, ConformToTheirUsageAndTheirCollections) {
    use(wheel_mouse);
    IOHIDElement* wheel = with_usage(1, 0x38);
    EXPECT_TRUE(wheel->conformsTo(1, 0x38));
    EXPECT_TRUE(wheel->conformsTo(1, 1));
    EXPECT_TRUE(wheel->conformsTo(1, 2));
    EXPECT_FALSE(wheel->conformsTo(1, 6));
    EXPECT_FALSE(wheel->conformsTo(9, 2));
}

// Facts: IOHIDElement.getReportID, IOHIDElement.getReportSize, IOHIDElement.getReportCount,
// Facts: IOHIDElement.getFlags
TEST_F(Elements, SayWhereTheyLie) {
    use(vendor_device);
    IOHIDElement* data = with_usage(0xff42, 0x21);
    EXPECT_EQ(data->getReportID(), 3U);
    EXPECT_EQ(data->getReportSize(), 8U);
    EXPECT_EQ(data->getReportCount(), 16U);
    EXPECT_EQ(data->getFlags(),
              uint32_t{kIOHIDElementFlagsVariableMask} | kIOHIDElementFlagsBufferedByteMask);
    use(boot_keyboard);
    EXPECT_EQ(with_usage(7, 4)->getReportCount(), 1U);
    EXPECT_EQ(with_usage(7, 0xffffffff)->getReportCount(), 6U);
}

// Facts: IOHIDElement.getLogicalMin, IOHIDElement.getLogicalMax, IOHIDElement.getPhysicalMin,
// Facts: IOHIDElement.getPhysicalMax, IOHIDElement.getUnit, IOHIDElement.getUnitExponent
TEST_F(Elements, SayWhatTheirNumbersMean) {
    use(touch_screen);
    IOHIDElement* x = with_usage(1, 0x30);
    EXPECT_EQ(x->getLogicalMin(), 0U);
    EXPECT_EQ(x->getLogicalMax(), 4095U);
    EXPECT_EQ(x->getPhysicalMin(), 0U);
    EXPECT_EQ(x->getPhysicalMax(), 3000U);
    EXPECT_EQ(x->getUnit(), 0x11U);
    EXPECT_EQ(x->getUnitExponent(), 0x0eU);
    use(wheel_mouse);
    EXPECT_EQ(with_usage(1, 0x30)->getLogicalMin(), static_cast<uint32_t>(-127));
}

// Facts: IOHIDElement.getValue, IOHIDElement.getTimeStamp
TEST_F(Elements, HaveTheValuesOfTheLastReportAndTheOneBefore) {
    use(wheel_mouse);
    IOHIDElement* x = with_usage(1, 0x30);
    EXPECT_EQ(x->getValue(0), 0U);
    EXPECT_EQ(x->getTimeStamp(), 0U);
    take(100, {1, 5, 0xfe, 0});
    EXPECT_EQ(x->getValue(0), 5U);
    EXPECT_EQ(with_usage(1, 0x31)->getValue(0), static_cast<uint32_t>(-2));
    EXPECT_EQ(with_usage(9, 1)->getValue(0), 1U);
    EXPECT_EQ(x->getTimeStamp(), 100U);
    take(200, {1, 7, 0, 0});
    EXPECT_EQ(x->getValue(0), 7U);
    EXPECT_EQ(x->getValue(kIOHIDValueOptionsFlagPrevious), 5U);
    EXPECT_EQ(x->getTimeStamp(), 200U);
    EXPECT_EQ(at(0)->getValue(0), 0U);  // a collection
}

TEST_F(Elements, TellWhatAReportChanged) {
    use(wheel_mouse);
    EXPECT_EQ(take(1, {1, 5, 0, 0}), (Changes{{1, 1}, {0x30, 5}}));
    EXPECT_EQ(take(2, {1, 5, 0, 0}), (Changes{{0x30, 5}}));  // moved as far again
    EXPECT_EQ(take(3, {0, 0, 0, 0}), (Changes{{1, 0}, {0x30, 0}}));
    EXPECT_EQ(take(4, {0, 0, 0, 0}), (Changes{}));
}

// Facts: IOHIDElement.getValue, IOHIDElement.getTimeStamp
TEST_F(Elements, OfAnArrayAreKeysThatGoDownAndUp) {
    use(boot_keyboard);
    IOHIDElement* a = with_usage(7, 4);
    IOHIDElement* b = with_usage(7, 5);
    EXPECT_EQ(a->getType(), kIOHIDElementTypeInput_ScanCodes);
    EXPECT_EQ(take(1, {2, 0, 4, 0, 0, 0, 0, 0}), (Changes{{0xe1, 1}, {4, 1}}));
    EXPECT_EQ(a->getValue(0), 1U);
    EXPECT_EQ(a->getValue(kIOHIDValueOptionsFlagPrevious), 0U);
    EXPECT_EQ(b->getValue(0), 0U);
    EXPECT_EQ(b->getTimeStamp(), 0U);
    // b instead of a in one report: a goes up first. a's slot moved: no change.
    EXPECT_EQ(take(2, {2, 0, 0, 4, 5, 0, 0, 0}), (Changes{{5, 1}}));
    EXPECT_EQ(take(3, {2, 0, 5, 6, 0, 0, 0, 0}), (Changes{{4, 0}, {6, 1}}));
    EXPECT_EQ(a->getValue(0), 0U);
    EXPECT_EQ(a->getTimeStamp(), 3U);
    EXPECT_EQ(b->getTimeStamp(), 2U);
    EXPECT_EQ(take(4, {0, 0, 0, 0, 0, 0, 0, 0}), (Changes{{0xe1, 0}, {5, 0}, {6, 0}}));
}

TEST_F(Elements, KeepWhatAShortReportDoesNotHave) {
    use(wheel_mouse);
    take(1, {1, 5, 6, 7});
    EXPECT_EQ(take(2, {0, 4}), (Changes{{1, 0}, {0x30, 4}}));
    EXPECT_EQ(with_usage(1, 0x31)->getValue(0), 6U);
    EXPECT_EQ(with_usage(1, 0x31)->getTimeStamp(), 1U);
    EXPECT_EQ(with_usage(1, 0x30)->getTimeStamp(), 2U);
    EXPECT_EQ(take(3, {}), (Changes{}));
    EXPECT_EQ(with_usage(1, 0x30)->getTimeStamp(), 2U);
    EXPECT_EQ(take(4, {0, 4, 6, 7, 99, 99}), (Changes{{0x30, 4}, {0x31, 6}, {0x38, 7}}));
    EXPECT_EQ(with_usage(1, 0x30)->getTimeStamp(), 4U);
    EXPECT_EQ(with_usage(1, 0x31)->getTimeStamp(), 4U);
    // The last report counts, whatever time it has.
    EXPECT_EQ(take(2, {0, 1}), (Changes{{0x30, 1}}));
    EXPECT_EQ(with_usage(1, 0x30)->getTimeStamp(), 2U);
    EXPECT_EQ(with_usage(1, 0x31)->getTimeStamp(), 4U);
}

TEST_F(Elements, OfManyFieldsAreToldWithTheirValue) {
    // Keys of one usage in two bytes, and a block of nine.
    use({0x05, 0x0c, 0x09, 0x01, 0xa1, 0x01, 0x09, 0xe9, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08,
         0x95, 0x02, 0x81, 0x02, 0x06, 0x42, 0xff, 0x09, 0x10, 0x95, 0x09, 0x81, 0x02, 0xc0});
    EXPECT_EQ(take(1, {2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}), (Changes{{0xe9, 0x0102}}));
    EXPECT_EQ(with_usage(0x0c, 0xe9)->getValue(0), 0x0102U);
    EXPECT_EQ(take(2, {2, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0}), (Changes{{0x10, 0}}));
}

TEST_F(Elements, AreNotTouchedByReportsThatTheDeviceDoesNotHave) {
    use(vendor_device);
    tree_->take(1, ReportType::input, 9, Bytes{9, 1, 2}, nullptr);
    tree_->take(1, ReportType::feature, 1, Bytes{1, 1, 2}, nullptr);
    EXPECT_EQ(with_usage(0xff42, 0x20)->getTimeStamp(), 0U);
    EXPECT_TRUE(tree_->give(ReportType::output, 2).empty());
}

// Facts: IOHIDElement.setValue, IOHIDElement.commit
TEST_F(Elements, LightsAreSentWithTheirReport) {
    use(boot_keyboard);
    IOHIDElement* caps_lock = with_usage(8, 2);
    with_usage(8, 1)->setValue(1);
    caps_lock->setValue(1);
    EXPECT_EQ(caps_lock->getValue(0), 1U);
    EXPECT_EQ(caps_lock->commit(kIOHIDElementCommitDirectionOut), kIOReturnSuccess);
    EXPECT_EQ((device_.reports[{ReportType::output, 0}]), (Bytes{3}));
    caps_lock->setValue(0xfffffffe);  // bits beyond its own are dropped
    EXPECT_EQ(caps_lock->commit(kIOHIDElementCommitDirectionOut), kIOReturnSuccess);
    EXPECT_EQ((device_.reports[{ReportType::output, 0}]), (Bytes{1}));
}

// Facts: IOHIDElement.commit, IOHIDElement.getValue, IOHIDElement.setValue
TEST_F(Elements, FeaturesAreReadAndWritten) {
    use(vendor_device);
    IOHIDElement* number = with_usage(0xff42, 0x20);
    number->setValue(static_cast<uint32_t>(-5));
    EXPECT_EQ(number->commit(kIOHIDElementCommitDirectionOut), kIOReturnSuccess);
    EXPECT_EQ((device_.reports[{ReportType::feature, 2}]), (Bytes{2, 0xfb, 0xff, 0xff, 0xff}));
    device_.reports[{ReportType::feature, 2}] = {2, 7, 0, 0, 0x80};
    EXPECT_EQ(number->commit(kIOHIDElementCommitDirectionIn), kIOReturnSuccess);
    EXPECT_EQ(number->getValue(0), 0x80000007U);
    EXPECT_EQ(number->getTimeStamp(), device_.now);
    device_.reports[{ReportType::feature, 2}] = {2, 8, 0, 0, 0};
    EXPECT_EQ(number->getValue(0), 0x80000007U);
    EXPECT_EQ(number->getValue(kIOHIDValueOptionsUpdateElementValues), 8U);
    // The device does not answer: what was there stays.
    device_.answer = kIOReturnTimeout;
    EXPECT_EQ(number->commit(kIOHIDElementCommitDirectionIn), kIOReturnTimeout);
    EXPECT_EQ(number->getValue(kIOHIDValueOptionsUpdateElementValues), 8U);
}

// Facts: IOHIDElement.commit
TEST_F(Elements, RefuseWhatCannotBeExchanged) {
    use(wheel_mouse);
    EXPECT_EQ(at(0)->commit(kIOHIDElementCommitDirectionIn), kIOReturnBadArgument);
    EXPECT_EQ(at(3)->commit(kIOHIDElementCommitDirectionOut), kIOReturnNotWritable);
}

// Facts: IOHIDElement.getDataValue, IOHIDElement.setDataValue
TEST_F(Elements, OfManyFieldsAreData) {
    use(vendor_device);
    IOHIDElement* in = with_usage(0xff42, 0x10);
    Bytes report(64, 0x5a);
    report[0] = 1;
    EXPECT_EQ(take(1, report), (Changes{{0x10, 0}}));
    EXPECT_EQ(take(2, report), (Changes{}));
    ASSERT_NE(in->getDataValue(0), nullptr);
    EXPECT_TRUE(in->getDataValue(0)->isEqualTo(report.data() + 1, 63));
    report[63] = 0;
    take(3, report);
    EXPECT_TRUE(in->getDataValue(0)->isEqualTo(report.data() + 1, 63));
    report[63] = 0x5a;
    EXPECT_TRUE(in->getDataValue(kIOHIDValueOptionsFlagPrevious)->isEqualTo(report.data() + 1, 63));
    EXPECT_EQ(in->getValue(0), 0U);  // too wide for a number
    EXPECT_EQ(at(0)->getDataValue(0), nullptr);

    IOHIDElement* feature = with_usage(0xff42, 0x21);
    OSData* data = OSData::withBytes("\x01\x02", 2);
    feature->setDataValue(data);
    feature->setDataValue(nullptr);  // changes nothing
    data->release();
    EXPECT_EQ(feature->commit(kIOHIDElementCommitDirectionOut), kIOReturnSuccess);
    Bytes expected(17, 0);
    expected[0] = 3;
    expected[1] = 1;
    expected[2] = 2;
    EXPECT_EQ((device_.reports[{ReportType::feature, 3}]), expected);
    // A number as data: little endian, all its bytes.
    with_usage(0xff42, 0x20)->setValue(0x04030201);
    EXPECT_TRUE(with_usage(0xff42, 0x20)->getDataValue(0)->isEqualTo("\x01\x02\x03\x04", 4));
}

// Facts: IOHIDElement.getScaledValue, IOHIDElement.getScaledFixedValue
TEST_F(Elements, AreScaledToPhysicalUnits) {
    use(touch_screen);
    IOHIDElement* x = with_usage(1, 0x30);  // 0 to 4095 is 0 to 3000 hundredths of a centimetre
    Bytes report(16, 0);
    report[0] = 1;
    report[3] = 0xff;
    report[4] = 0x0f;
    take(1, report);
    EXPECT_EQ(x->getValue(0), 4095U);
    EXPECT_EQ(x->getScaledValue(kIOHIDValueScaleTypePhysical), 3000U);
    EXPECT_EQ(x->getScaledFixedValue(kIOHIDValueScaleTypePhysical), 3000 << 16);
    EXPECT_EQ(x->getScaledValue(kIOHIDValueScaleTypeExponent), 30U);
    EXPECT_EQ(x->getScaledFixedValue(kIOHIDValueScaleTypeExponent), 30 << 16);
    report[4] = 0xff;  // beyond the logical extent: its end
    take(2, report);
    EXPECT_EQ(x->getScaledValue(kIOHIDValueScaleTypePhysical), 3000U);
}

// Facts: IOHIDElement.getScaledFixedValue, IOHIDElement.getScaledValue
TEST_F(Elements, AreCalibratedToOneAroundTheMiddle) {
    use(stylus);
    IOHIDElement* tilt = with_usage(0x0d, 0x3d);  // -90 to 90
    take(1, {0, 0, 0, 0, 0, 0, 0, 90, 0xa6});
    EXPECT_EQ(tilt->getScaledFixedValue(kIOHIDValueScaleTypeCalibrated), 1 << 16);
    EXPECT_EQ(with_usage(0x0d, 0x3e)->getScaledFixedValue(kIOHIDValueScaleTypeCalibrated),
              -(1 << 16));
    EXPECT_EQ(with_usage(0x0d, 0x3e)->getScaledValue(kIOHIDValueScaleTypeCalibrated),
              static_cast<uint32_t>(-1));
    take(2, {0, 0, 0, 0, 0, 0, 0, 0, 45});
    EXPECT_EQ(tilt->getScaledFixedValue(kIOHIDValueScaleTypeCalibrated), 0);
    EXPECT_EQ(with_usage(0x0d, 0x3e)->getScaledFixedValue(kIOHIDValueScaleTypeCalibrated), 1 << 15);
    // A range of its own, reached at 45 degrees already.
    tree_->calibrate(with_usage(0x0d, 0x3e), 0, 100 << 16, 0, 45);
    EXPECT_EQ(with_usage(0x0d, 0x3e)->getScaledFixedValue(kIOHIDValueScaleTypeCalibrated),
              100 << 16);
    EXPECT_EQ(with_usage(0x0d, 0x3e)->getScaledValue(kIOHIDValueScaleTypePhysical), 45U);
}

// Facts: IOHIDElement.getScaledFixedValue
TEST_F(Elements, GiveTheLargestNumberForWhatDoesNotFit) {
    use(vendor_device);
    IOHIDElement* number = with_usage(0xff42, 0x20);
    number->setValue(0x7fffffff);
    EXPECT_EQ(number->getScaledFixedValue(kIOHIDValueScaleTypePhysical), INT32_MAX);
    number->setValue(0x80000000);
    EXPECT_EQ(number->getScaledFixedValue(kIOHIDValueScaleTypePhysical), INT32_MIN);
}

// Facts: IOHIDElement.getUsage, IOHIDElement.getValue, IOHIDElement.commit
TEST_F(Elements, ThatADriverKeepsOutliveTheirDevice) {
    use(wheel_mouse);
    take(1, {1, 5, 0, 0});
    IOHIDElement* x = with_usage(1, 0x30);
    IOHIDElement* mouse = at(0);
    x->retain();
    mouse->retain();
    tree_.reset();
    EXPECT_EQ(x->getUsage(), 0x30U);
    EXPECT_EQ(x->getValue(0), 0U);
    EXPECT_EQ(x->getDataValue(0), nullptr);
    EXPECT_EQ(x->getParentElement(), nullptr);
    EXPECT_EQ(mouse->getChildElements(), nullptr);
    x->setValue(3);
    EXPECT_EQ(x->commit(kIOHIDElementCommitDirectionIn), kIOReturnNoDevice);
    mouse->release();
    x->release();
}

TEST_F(Elements, OfAnotherTreeAreNotFound) {
    use(wheel_mouse);
    IOHIDElement* x = with_usage(1, 0x30);
    x->retain();
    use(gamepad);
    EXPECT_EQ(tree_->find(x), nullptr);
    EXPECT_EQ(tree_->find(nullptr), nullptr);
    tree_->calibrate(x, 0, 1, 0, 1);  // changes nothing
    x->release();
}

}  // namespace
