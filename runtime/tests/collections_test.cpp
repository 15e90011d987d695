// SPDX-License-Identifier: Apache-2.0
// OSArray, OSDictionary, OSSet, OSOrderedSet and what they share as OSCollection.
#include <DriverKit/DriverKit.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/tests/owned.h"

namespace {

std::vector<uint64_t> numbers_of(const OSArray* array) {
    std::vector<uint64_t> numbers;
    for (uint32_t i = 0; i < array->getCount(); ++i)
        numbers.push_back(static_cast<OSNumber*>(array->getObject(i))->unsigned64BitValue());
    return numbers;
}
OSSharedPtr<OSNumber> number(uint64_t value) {
    return owned(OSNumber::withNumber(value, 32));
}

// Facts: OSArray.withCapacity, OSArray.setObject, OSArray.getCount, OSArray.getObject
// Facts: OSArray.getLastObject, OSArray.removeObject, OSArray.replaceObject, OSArray.free
TEST(OSArrayTest, RetainsWhatItHolds) {
    auto* string = OSString::withCString("x");
    {
        const auto array = owned(OSArray::withCapacity(1));
        EXPECT_TRUE(array->setObject(string));
        EXPECT_TRUE(array->setObject(0, kOSBooleanTrue));
        EXPECT_EQ(string->getRetainCount(), 2u);
        EXPECT_EQ(array->getCount(), 2u);
        EXPECT_EQ(array->getObject(0), kOSBooleanTrue);
        EXPECT_EQ(array->getObject(1), string);
        EXPECT_EQ(array->getLastObject(), string);
        EXPECT_TRUE(array->replaceObject(1, kOSBooleanFalse));
        EXPECT_EQ(string->getRetainCount(), 1u);
        EXPECT_EQ(array->getObject(1), kOSBooleanFalse);
        array->removeObject(0);
        EXPECT_EQ(array->getCount(), 1u);
        EXPECT_TRUE(array->setObject(string));
    }
    EXPECT_EQ(string->getRetainCount(), 1u);
    string->release();
}

TEST(OSArrayTest, RefusesWhatIsOutsideAndNull) {
    const auto array = owned(OSArray::withCapacity(0));
    EXPECT_EQ(array->getObject(0), nullptr);
    EXPECT_EQ(array->getLastObject(), nullptr);
    EXPECT_FALSE(array->setObject(nullptr));
    EXPECT_FALSE(array->setObject(1, kOSBooleanTrue));
    EXPECT_FALSE(array->setObject(0, nullptr));
    EXPECT_FALSE(array->replaceObject(0, kOSBooleanTrue));
    EXPECT_FALSE(array->merge(nullptr));
    array->removeObject(0);
    array->removeObject(~0u);
    EXPECT_EQ(array->getCount(), 0u);
    EXPECT_TRUE(array->setObject(0, kOSBooleanTrue));
    EXPECT_FALSE(array->replaceObject(0, nullptr));
    EXPECT_EQ(array->getObject(0), kOSBooleanTrue);
    EXPECT_EQ(OSArray::withArray(nullptr, 0), nullptr);
    EXPECT_EQ(OSArray::withObjects(nullptr, 1, 1), nullptr);
    const OSObject* with_null[] = {kOSBooleanTrue, nullptr};
    EXPECT_EQ(OSArray::withObjects(with_null, 2, 2), nullptr);
}

// Facts: OSArray.withObjects, OSArray.withArray, OSArray.merge, OSArray.isEqualTo
// Facts: OSArray.getNextIndexOfObject
TEST(OSArrayTest, CopiesMergesAndCompares) {
    const auto one = number(1), two = number(2);
    const OSObject* members[] = {one.get(), two.get()};
    const auto array = owned(OSArray::withObjects(members, 2, 8));
    EXPECT_EQ(numbers_of(array.get()), (std::vector<uint64_t>{1, 2}));
    EXPECT_GE(array->getCapacity(), 8u);
    const auto copy = owned(OSArray::withArray(array.get(), 0));
    EXPECT_TRUE(array->isEqualTo(copy.get()));
    EXPECT_TRUE(copy->merge(array.get()));
    EXPECT_EQ(numbers_of(copy.get()), (std::vector<uint64_t>{1, 2, 1, 2}));
    EXPECT_TRUE(copy->merge(copy.get()));
    EXPECT_EQ(copy->getCount(), 8u);
    EXPECT_FALSE(array->isEqualTo(copy.get()));
    EXPECT_FALSE(array->isEqualTo(static_cast<const OSArray*>(nullptr)));

    EXPECT_EQ(copy->getNextIndexOfObject(two.get(), 0), 1u);
    EXPECT_EQ(copy->getNextIndexOfObject(two.get(), 2), 3u);
    EXPECT_EQ(copy->getNextIndexOfObject(two.get(), 8), ~0u);
    EXPECT_EQ(copy->getNextIndexOfObject(number(2).get(), 0), ~0u);  // equal, not the same

    const auto equal = owned(OSArray::withCapacity(2));
    equal->setObject(number(1).get());
    equal->setObject(number(2).get());
    const OSMetaClassBase* object = array.get();
    EXPECT_TRUE(object->isEqualTo(equal.get()));
    EXPECT_FALSE(object->isEqualTo(one.get()));
    EXPECT_FALSE(object->isEqualTo(nullptr));
}

// Facts: OSArray.iterateObjects, OSArray.flushCollection
TEST(OSArrayTest, IterationStopsOnTrueAndSurvivesChanges) {
    const auto array = owned(OSArray::withCapacity(3));
    for (int i = 0; i < 3; ++i) array->setObject(kOSBooleanTrue);
    __block int seen = 0;
    OSArray* changed = array.get();
    EXPECT_FALSE(array->iterateObjects(^bool(OSObject*) {
      ++seen;
      changed->flushCollection();
      return false;
    }));
    EXPECT_EQ(seen, 3);
    EXPECT_EQ(array->getCount(), 0u);
    array->setObject(kOSBooleanTrue);
    array->setObject(kOSBooleanFalse);
    seen = 0;
    EXPECT_TRUE(array->iterateObjects(^bool(OSObject* object) {
      EXPECT_EQ(object, kOSBooleanTrue);
      ++seen;
      return true;
    }));
    EXPECT_EQ(seen, 1);
}

// Facts: OSArray.ensureCapacity, OSArray.getCapacity, OSDictionary.ensureCapacity
// Facts: OSDictionary.getCapacity
TEST(OSCollectionTest, CapacityGrowsAndNeverShrinks) {
    const auto array = owned(OSArray::withCapacity(2));
    EXPECT_GE(array->getCapacity(), 2u);
    EXPECT_GE(array->ensureCapacity(20), 20u);
    EXPECT_GE(array->ensureCapacity(1), 20u);
    const auto dictionary = owned(OSDictionary::withCapacity(2));
    EXPECT_GE(dictionary->getCapacity(), 2u);
    EXPECT_GE(dictionary->ensureCapacity(20), 20u);
    EXPECT_GE(dictionary->ensureCapacity(1), 20u);
    for (int i = 0; i < 30; ++i) dictionary->setObject(std::to_string(i).c_str(), kOSBooleanTrue);
    EXPECT_EQ(dictionary->getCount(), 30u);
    EXPECT_GE(dictionary->getCapacity(), 30u);
}

// Facts: OSCollection.getCount, OSCollection.getCapacity, OSCollection.ensureCapacity
// Facts: OSCollection.flushCollection, OSCollection.copyCollection, OSCollection.iterateObjects
TEST(OSCollectionTest, IsWhatAllCollectionsCanDo) {
    const auto array = owned(OSArray::withCapacity(0));
    const auto dictionary = owned(OSDictionary::withCapacity(0));
    const auto set = owned(OSSet::withCapacity(0));
    const auto name = owned(OSString::withCString("name"));
    array->setObject(name.get());
    dictionary->setObject(name.get(), kOSBooleanTrue);
    set->setObject(name.get());
    for (OSCollection* collection :
         {static_cast<OSCollection*>(array.get()), static_cast<OSCollection*>(dictionary.get()),
          static_cast<OSCollection*>(set.get())}) {
        EXPECT_EQ(collection->getCount(), 1u);
        EXPECT_GE(collection->ensureCapacity(9), 9u);
        EXPECT_GE(collection->getCapacity(), 9u);
        __block OSObject* seen = nullptr;
        EXPECT_FALSE(collection->iterateObjects(^bool(OSObject* object) {
          seen = object;
          return false;
        }));
        EXPECT_EQ(seen, name.get()) << collection->GetClassName();
        const auto copy = owned(collection->copyCollection(nullptr));
        EXPECT_TRUE(copy->isEqualTo(collection));
        EXPECT_STREQ(copy->GetClassName(), collection->GetClassName());
        collection->flushCollection();
        EXPECT_EQ(collection->getCount(), 0u);
        EXPECT_EQ(copy->getCount(), 1u);
    }
}

TEST(OSCollectionTest, CopyCollectionIsDeepAndShares) {
    const auto inner = owned(OSArray::withCapacity(0));
    const auto outer = owned(OSDictionary::withCapacity(0));
    const auto value = number(7);
    inner->setObject(value.get());
    outer->setObject("list", inner.get());
    outer->setObject("value", value.get());
    const auto copy = owned(static_cast<OSDictionary*>(outer->copyCollection()));
    auto* copied = static_cast<OSArray*>(copy->getObject("list"));
    EXPECT_NE(copied, inner.get());
    EXPECT_EQ(copied->getObject(0), value.get()) << "what is no collection is retained";
    EXPECT_EQ(copy->getObject("value"), value.get());
    inner->flushCollection();
    EXPECT_EQ(copied->getCount(), 1u);
}

TEST(OSCollectionTest, CopyOfACycleIsACycle) {
    const auto array = owned(OSArray::withCapacity(0));
    const auto dictionary = owned(OSDictionary::withCapacity(0));
    array->setObject(dictionary.get());
    dictionary->setObject("back", array.get());
    const auto copy = owned(static_cast<OSArray*>(array->copyCollection()));
    auto* inner = OSDynamicCast(OSDictionary, copy->getObject(0));
    ASSERT_NE(inner, nullptr);
    EXPECT_NE(inner, dictionary.get());
    EXPECT_EQ(inner->getObject("back"), copy.get());
    inner->flushCollection();  // undoes the two cycles
    dictionary->flushCollection();
}

TEST(OSCollectionTest, ACollectionThatIsThereTwiceIsCopiedOnce) {
    const auto inner = owned(OSArray::withCapacity(0));
    const auto outer = owned(OSArray::withCapacity(0));
    outer->setObject(inner.get());
    outer->setObject(inner.get());
    const auto seen = owned(OSDictionary::withCapacity(0));
    const auto copy = owned(static_cast<OSArray*>(outer->copyCollection(seen.get())));
    EXPECT_EQ(copy->getObject(0), copy->getObject(1));
    EXPECT_NE(copy->getObject(0), inner.get());
}

// Facts: OSDictionary.withCapacity, OSDictionary.setObject, OSDictionary.getObject
// Facts: OSDictionary.removeObject, OSDictionary.getCount, OSDictionary.free
TEST(OSDictionaryTest, FindsByStringAndReplaces) {
    const auto one = number(1), two = number(2);
    {
        const auto dictionary = owned(OSDictionary::withCapacity(0));
        const auto key = owned(OSString::withCString("key"));
        EXPECT_TRUE(dictionary->setObject("key", one.get()));
        EXPECT_TRUE(dictionary->setObject(key.get(), two.get()));
        EXPECT_EQ(dictionary->getCount(), 1u);
        EXPECT_EQ(dictionary->getObject("key"), two.get());
        EXPECT_EQ(dictionary->getObject(key.get()), two.get());
        EXPECT_EQ(one->getRetainCount(), 1u);
        EXPECT_FALSE(dictionary->setObject(one.get(), two.get()));  // no string
        EXPECT_FALSE(dictionary->setObject("null", nullptr));
        EXPECT_FALSE(dictionary->setObject(static_cast<const char*>(nullptr), two.get()));
        EXPECT_FALSE(dictionary->setObject(static_cast<const OSObject*>(nullptr), two.get()));
        EXPECT_EQ(dictionary->getObject(static_cast<const char*>(nullptr)), nullptr);
        EXPECT_EQ(dictionary->getObject(static_cast<const OSObject*>(nullptr)), nullptr);
        EXPECT_EQ(dictionary->getObject(one.get()), nullptr);
        dictionary->removeObject("key");
        EXPECT_EQ(dictionary->getObject("key"), nullptr);
        EXPECT_EQ(two->getRetainCount(), 1u);
        dictionary->setObject("key", two.get());
        dictionary->removeObject("other");
        dictionary->removeObject(one.get());
        dictionary->removeObject(static_cast<const char*>(nullptr));
        EXPECT_EQ(dictionary->getCount(), 1u);
        dictionary->removeObject(key.get());
        EXPECT_EQ(dictionary->getCount(), 0u);
        dictionary->setObject("key", two.get());
    }
    EXPECT_EQ(two->getRetainCount(), 1u);
}

// Facts: OSDictionary.withObjects, OSDictionary.withDictionary, OSDictionary.merge
TEST(OSDictionaryTest, IsMadeFromOthers) {
    const auto a = owned(OSString::withCString("a")), b = owned(OSString::withCString("b"));
    const auto one = number(1), two = number(2);
    const OSObject* keys[] = {a.get(), b.get()};
    const OSObject* values[] = {one.get(), two.get()};
    const auto dictionary = owned(OSDictionary::withObjects(values, keys, 2, 2));
    EXPECT_EQ(dictionary->getObject("a"), one.get());
    EXPECT_EQ(dictionary->getObject("b"), two.get());
    EXPECT_EQ(OSDictionary::withObjects(values, values, 2, 2), nullptr) << "keys are strings";
    EXPECT_EQ(OSDictionary::withObjects(nullptr, keys, 2, 2), nullptr);
    EXPECT_EQ(OSDictionary::withObjects(values, nullptr, 2, 2), nullptr);

    const auto copy = owned(OSDictionary::withDictionary(dictionary.get(), 10));
    EXPECT_TRUE(copy->isEqualTo(dictionary.get()));
    EXPECT_GE(copy->getCapacity(), 10u);
    EXPECT_EQ(OSDictionary::withDictionary(nullptr, 0), nullptr);

    const auto other = owned(OSDictionary::withCapacity(0));
    other->setObject("b", kOSBooleanTrue);
    other->setObject("c", kOSBooleanFalse);
    EXPECT_TRUE(copy->merge(other.get()));
    EXPECT_EQ(copy->getCount(), 3u);
    EXPECT_EQ(copy->getObject("b"), kOSBooleanTrue);
    EXPECT_EQ(dictionary->getCount(), 2u);
    EXPECT_FALSE(copy->merge(nullptr));
}

// Facts: OSDictionary.iterateObjects, OSDictionary.flushCollection
TEST(OSDictionaryTest, IteratesOverKeysOrOverBoth) {
    const auto dictionary = owned(OSDictionary::withCapacity(0));
    dictionary->setObject("b", kOSBooleanFalse);
    dictionary->setObject("a", kOSBooleanTrue);
    __block std::string seen;
    EXPECT_FALSE(dictionary->iterateObjects(^bool(OSObject* key) {
      seen += static_cast<OSString*>(key)->getCStringNoCopy();
      return false;
    }));
    EXPECT_EQ(seen, "ab");
    OSDictionary* changed = dictionary.get();
    EXPECT_TRUE(dictionary->iterateObjects(^bool(OSObject* key, OSObject* value) {
      seen += static_cast<OSString*>(key)->getCStringNoCopy();
      changed->flushCollection();
      return value == kOSBooleanFalse;
    }));
    EXPECT_EQ(seen, "abab");
    EXPECT_EQ(dictionary->getCount(), 0u);
}

// Facts: OSDictionary.isEqualTo
TEST(OSDictionaryTest, ComparesAllOrOnlyTheKeysAskedFor) {
    const auto wanted = owned(OSDictionary::withCapacity(0));
    const auto has = owned(OSDictionary::withCapacity(0));
    OSDictionarySetStringValue(wanted.get(), "vendor", "x");
    OSDictionarySetStringValue(has.get(), "vendor", "x");
    EXPECT_TRUE(wanted->isEqualTo(has.get()));
    const OSMetaClassBase* object = wanted.get();
    EXPECT_TRUE(object->isEqualTo(has.get()));
    EXPECT_FALSE(object->isEqualTo(kOSBooleanTrue));
    OSDictionarySetUInt64Value(has.get(), "serial", 5);
    EXPECT_FALSE(wanted->isEqualTo(has.get()));
    EXPECT_FALSE(wanted->isEqualTo(static_cast<const OSDictionary*>(nullptr)));
    EXPECT_TRUE(wanted->isEqualTo(has.get(), wanted.get()));
    EXPECT_FALSE(wanted->isEqualTo(has.get(), has.get()));
    EXPECT_FALSE(wanted->isEqualTo(has.get(), nullptr));
    const auto keys = owned(OSArray::withCapacity(0));
    EXPECT_TRUE(wanted->isEqualTo(has.get(), keys.get()));
    keys->setObject(owned(OSString::withCString("neither has it")).get());
    EXPECT_TRUE(wanted->isEqualTo(has.get(), keys.get()));
    OSDictionarySetStringValue(wanted.get(), "vendor", "y");
    EXPECT_FALSE(wanted->isEqualTo(has.get(), wanted.get()));
}

// Facts: OSSet.withCapacity, OSSet.setObject, OSSet.removeObject, OSSet.containsObject
// Facts: OSSet.member, OSSet.getAnyObject
TEST(OSSetTest, HoldsEachObjectOnce) {
    const auto set = owned(OSSet::withCapacity(0));
    EXPECT_EQ(set->getAnyObject(), nullptr);
    EXPECT_TRUE(set->setObject(kOSBooleanTrue));
    EXPECT_FALSE(set->setObject(kOSBooleanTrue));
    EXPECT_FALSE(set->setObject(nullptr));
    EXPECT_EQ(set->getCount(), 1u);
    EXPECT_TRUE(set->containsObject(kOSBooleanTrue));
    EXPECT_FALSE(set->containsObject(kOSBooleanFalse));
    EXPECT_FALSE(set->containsObject(nullptr));
    EXPECT_TRUE(set->member(kOSBooleanTrue));
    EXPECT_FALSE(set->member(kOSBooleanFalse));
    EXPECT_EQ(set->getAnyObject(), kOSBooleanTrue);
    set->removeObject(kOSBooleanFalse);
    EXPECT_EQ(set->getCount(), 1u);
    set->removeObject(kOSBooleanTrue);
    EXPECT_EQ(set->getAnyObject(), nullptr);
}

// Facts: OSSet.withObjects, OSSet.withArray, OSSet.merge, OSSet.init
TEST(OSSetTest, IsMadeFromOthers) {
    const auto one = number(1);
    const OSObject* members[] = {one.get(), kOSBooleanTrue, one.get()};
    const auto set = owned(OSSet::withObjects(members, 3, 3));
    EXPECT_EQ(set->getCount(), 2u);
    EXPECT_EQ(OSSet::withObjects(nullptr, 1, 1), nullptr);
    const auto array = owned(OSArray::withObjects(members, 3, 3));
    const auto same = owned(OSSet::withArray(array.get(), 0));
    EXPECT_EQ(same->getCount(), 2u);
    EXPECT_TRUE(set->isEqualTo(same.get()));
    EXPECT_EQ(OSSet::withArray(nullptr, 0), nullptr);
    EXPECT_FALSE(same->merge(array.get())) << "nothing new";
    array->setObject(kOSBooleanFalse);
    EXPECT_TRUE(same->merge(array.get()));
    EXPECT_EQ(same->getCount(), 3u);
    EXPECT_FALSE(same->merge(nullptr));
    EXPECT_FALSE(set->isEqualTo(same.get()));
}

TEST(OSSetTest, EqualityDoesNotDependOnTheOrder) {
    const auto left = owned(OSSet::withCapacity(0)), right = owned(OSSet::withCapacity(0));
    left->setObject(number(1).get());
    left->setObject(number(2).get());
    right->setObject(number(2).get());
    right->setObject(number(1).get());
    EXPECT_TRUE(left->isEqualTo(right.get()));
    EXPECT_FALSE(left->isEqualTo(owned(OSArray::withArray(left.get())).get()));
    // Twice the same value on one side does not stand for two on the other.
    const auto doubled = owned(OSSet::withCapacity(0));
    doubled->setObject(number(1).get());
    doubled->setObject(number(1).get());
    EXPECT_FALSE(doubled->isEqualTo(left.get()));
    EXPECT_FALSE(left->isEqualTo(doubled.get()));
}

int32_t ascending(const OSMetaClassBase* a, const OSMetaClassBase* b) {
    const auto value = [](const OSMetaClassBase* object) {
        return object ? static_cast<const OSNumber*>(object)->unsigned32BitValue() : 10;
    };
    return static_cast<int32_t>(value(b)) - static_cast<int32_t>(value(a));
}

// Facts: OSOrderedSet.withCapacity, OSOrderedSet.setObject, OSOrderedSet.getFirstObject
// Facts: OSOrderedSet.getLastObject, OSOrderedSet.orderObject, OSOrderedSet.init, OSOrderedSet.free
TEST(OSOrderedSetTest, KeepsTheOrderOfItsBlock) {
    __block int calls = 0;
    const auto set = owned(
        OSOrderedSet::withCapacity(0, ^int32_t(const OSMetaClassBase* a, const OSMetaClassBase* b) {
          ++calls;
          return ascending(a, b);
        }));
    EXPECT_EQ(set->getFirstObject(), nullptr);
    EXPECT_EQ(set->getLastObject(), nullptr);
    for (const uint64_t value : {3, 1, 2}) EXPECT_TRUE(set->setObject(number(value).get()));
    EXPECT_EQ(numbers_of(set.get()), (std::vector<uint64_t>{1, 2, 3}));
    EXPECT_FALSE(set->setObject(set->getFirstObject()));
    EXPECT_FALSE(set->setObject(nullptr));
    EXPECT_EQ(static_cast<OSNumber*>(set->getFirstObject())->unsigned32BitValue(), 1u);
    EXPECT_EQ(static_cast<OSNumber*>(set->getLastObject())->unsigned32BitValue(), 3u);
    calls = 0;
    EXPECT_EQ(set->orderObject(number(4).get()), 6) << "the block is asked about it and NULL";
    EXPECT_EQ(set->orderObject(number(11).get()), -1);
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(set->getCount(), 3u);
}

// Facts: OSOrderedSet.setFirstObject, OSOrderedSet.setLastObject
TEST(OSOrderedSetTest, EndsCanBeSetWhateverTheBlockSays) {
    const auto set = owned(
        OSOrderedSet::withCapacity(0, ^int32_t(const OSMetaClassBase* a, const OSMetaClassBase* b) {
          return ascending(a, b);
        }));
    set->setObject(number(5).get());
    EXPECT_TRUE(set->setFirstObject(number(9).get()));
    EXPECT_TRUE(set->setLastObject(number(1).get()));
    EXPECT_EQ(numbers_of(set.get()), (std::vector<uint64_t>{9, 5, 1}));
    EXPECT_FALSE(set->setFirstObject(set->getLastObject()));
    EXPECT_FALSE(set->setLastObject(set->getFirstObject()));
    EXPECT_FALSE(set->setFirstObject(nullptr));
    EXPECT_FALSE(set->setLastObject(nullptr));
}

TEST(OSOrderedSetTest, WithoutABlockTheLatestComesFirst) {
    const auto set = owned(OSOrderedSet::withCapacity(4, nullptr));
    set->setObject(number(1).get());
    set->setObject(number(2).get());
    EXPECT_EQ(numbers_of(set.get()), (std::vector<uint64_t>{2, 1}));
    EXPECT_EQ(set->orderObject(set->getFirstObject()), 0);
}

TEST(OSOrderedSetTest, ACopyKeepsTheOrder) {
    const auto set = owned(
        OSOrderedSet::withCapacity(0, ^int32_t(const OSMetaClassBase* a, const OSMetaClassBase* b) {
          return ascending(a, b);
        }));
    set->setObject(number(2).get());
    set->setObject(number(1).get());
    const auto copy = owned(static_cast<OSCollection*>(set->copyCollection()));
    auto* ordered = OSDynamicCast(OSOrderedSet, copy.get());
    ASSERT_NE(ordered, nullptr);
    ordered->setObject(number(0).get());
    EXPECT_EQ(numbers_of(ordered), (std::vector<uint64_t>{0, 1, 2}));
    EXPECT_EQ(set->getCount(), 2u);
}

}  // namespace
