// SPDX-License-Identifier: Apache-2.0
#include "project/classes.h"

#include <gtest/gtest.h>

#include "project/tests/temporary_folder.h"

namespace opendext::project {
namespace {

TEST(Classes, AreFoundWhateverWordsStandBeforeThem) {
    const TemporaryFolder folder;
    const auto file = folder.write("A.iig", R"(
        // class Commented : public IOService
        /* class Also : public IOService */
        class Plain: public IOService { };
        class KERNEL Nub : public Plain { };
        class NATIVE KERNEL Both final : public IOService { };
        class EXTENDS (Nub) NubPrivate : public Nub { };
        class Forward;
        class Lonely { };
    )");
    const ClassMap classes = find_classes({file});
    EXPECT_EQ(classes, (ClassMap{{"Plain", "IOService"},
                                 {"Nub", "Plain"},
                                 {"Both", "IOService"},
                                 {"NubPrivate", "Nub"}}));
    EXPECT_EQ(class_chains(classes),
              (std::vector<std::string>{"Both IOService", "Nub Plain IOService",
                                        "NubPrivate Nub Plain IOService", "Plain IOService"}));
}

TEST(Classes, ACircleOfSuperclassesEnds) {
    EXPECT_EQ(class_chains({{"A", "B"}, {"B", "A"}}).size(), 2U);
}

bundle::Plist info(const std::string& provider, const std::string& driver) {
    return bundle::parse_plist(
               "<plist><dict><key>IOKitPersonalities</key><dict><key>P</"
               "key><dict>\n<key>IOProviderClass</key><string>" +
                   provider + "</string>\n<key>IOUserClass</key><string>" + driver +
                   "</string></dict></dict></dict></plist>",
               "Info.plist")
        .value();
}

TEST(Classes, UnknownNamesAreToldWithTheNearest) {
    const ClassMap own = {{"MyDriver", "IOService"}, {"MyNub", "IOService"}};
    const ClassMap sdk = {{"IOFancyDevice", "IOService"}};
    for (const auto& known : {"IOUserResources", "IOFancyDevice", "MyNub", "Foreign"}) {
        EXPECT_TRUE(check_class_names(info(known, "MyDriver"), own, sdk, {"Foreign"}).empty())
            << known;
    }
    auto problems = check_class_names(info("IOUserResorces", "MyDriver"), own, sdk, {});
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].message,
              "Info.plist:2:1: IOKitPersonalities/P/IOProviderClass: \"IOUserResorces\" is no "
              "class of the SDK or of this "
              "driver: did you mean IOUserResources? Else name the class of another dext with "
              "--provider-class IOUserResorces");
    problems = check_class_names(info("MyNub", "Driver"), own, sdk, {});
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].message,
              "Info.plist:3:1: IOKitPersonalities/P/IOUserClass: \"Driver\" is not declared in any "
              ".iig file of this driver: "
              "did you mean MyDriver? Else declare it: class Driver : public IOService");
    problems = check_class_names(info("Something", "MyDriver"), own, sdk, {});
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].message.find("did you mean"), std::string::npos);
}

TEST(Classes, NearestNameIsNotFarFetched) {
    const std::set<std::string> names = {"IOService", "IOUserClient"};
    EXPECT_EQ(nearest_name("IOServise", names), "IOService");
    EXPECT_EQ(nearest_name("Completely", names), "");
    EXPECT_EQ(nearest_name("", names), "");
}

}  // namespace
}  // namespace opendext::project
