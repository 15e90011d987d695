// SPDX-License-Identifier: Apache-2.0
#include <DriverKit/OSArray.h>
#include <HIDDriverKit/IOHIDDigitizerCollection.h>
#include <gtest/gtest.h>

namespace {

// Facts: IOHIDDigitizerCollection.withType, IOHIDDigitizerCollection.getType,
// Facts: IOHIDDigitizerCollection.getParentCollection, IOHIDDigitizerCollection.addElement,
// Facts: IOHIDDigitizerCollection.getElements, IOHIDDigitizerCollection.free
TEST(DigitizerCollection, HoldsWhatTellsOfAFinger) {
    auto* parent = OSTypeAlloc(IOHIDElement);
    auto* element = OSTypeAlloc(IOHIDElement);
    auto* finger = IOHIDDigitizerCollection::withType(kIOHIDDigitizerCollectionTypeFinger, parent);
    ASSERT_NE(finger, nullptr);
    EXPECT_EQ(finger->getType(), kIOHIDDigitizerCollectionTypeFinger);
    EXPECT_EQ(finger->getParentCollection(), parent);
    EXPECT_EQ(finger->getElements()->getCount(), 0U);
    finger->addElement(element);
    finger->addElement(nullptr);  // adds nothing
    ASSERT_EQ(finger->getElements()->getCount(), 1U);
    EXPECT_EQ(finger->getElements()->getObject(0), element);
    EXPECT_EQ(parent->getRetainCount(), 2U);
    EXPECT_EQ(element->getRetainCount(), 2U);
    finger->release();  // free() lets them go
    EXPECT_EQ(parent->getRetainCount(), 1U);
    EXPECT_EQ(element->getRetainCount(), 1U);
    parent->release();
    element->release();
}

// Facts: IOHIDDigitizerCollection.initWithType
TEST(DigitizerCollection, IsInitializedOnce) {
    auto* collection = OSTypeAlloc(IOHIDDigitizerCollection);
    auto* parent = OSTypeAlloc(IOHIDElement);
    EXPECT_TRUE(collection->initWithType(kIOHIDDigitizerCollectionTypeHand, parent));
    EXPECT_EQ(collection->getType(), kIOHIDDigitizerCollectionTypeHand);
    EXPECT_FALSE(collection->initWithType(kIOHIDDigitizerCollectionTypePuck, nullptr));
    EXPECT_EQ(collection->getType(), kIOHIDDigitizerCollectionTypeHand);
    collection->release();
    parent->release();
}

// Facts: IOHIDDigitizerCollection.setTouch, IOHIDDigitizerCollection.getTouch,
// Facts: IOHIDDigitizerCollection.setInRange, IOHIDDigitizerCollection.getInRange,
// Facts: IOHIDDigitizerCollection.setX, IOHIDDigitizerCollection.getX,
// Facts: IOHIDDigitizerCollection.setY, IOHIDDigitizerCollection.getY,
// Facts: IOHIDDigitizerCollection.setZ, IOHIDDigitizerCollection.getZ
TEST(DigitizerCollection, RemembersWhereItWas) {
    auto* stylus = IOHIDDigitizerCollection::withType(kIOHIDDigitizerCollectionTypeStylus, nullptr);
    EXPECT_EQ(stylus->getParentCollection(), nullptr);
    EXPECT_FALSE(stylus->getTouch());
    EXPECT_FALSE(stylus->getInRange());
    EXPECT_EQ(stylus->getX(), 0);
    stylus->setTouch(true);
    stylus->setInRange(true);
    stylus->setX(1 << 15);
    stylus->setY(1 << 16);
    stylus->setZ(-1);
    EXPECT_TRUE(stylus->getTouch());
    EXPECT_TRUE(stylus->getInRange());
    EXPECT_EQ(stylus->getX(), 1 << 15);
    EXPECT_EQ(stylus->getY(), 1 << 16);
    EXPECT_EQ(stylus->getZ(), -1);
    stylus->release();
}

}  // namespace
