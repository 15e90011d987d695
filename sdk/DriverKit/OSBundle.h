/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DRIVERKIT_OSBUNDLE_H
#define DRIVERKIT_OSBUNDLE_H

#include <DriverKit/OSMappedFile.h>

struct OSBundle_IVars;
extern OPENDEXT_EXPORT OSMetaClass* gOSBundleMetaClass;

/* A bundle and its resources: that of the driver, or one inside of it. Signatures:
 * docs/facts/driverkit-api.csv. */
class OPENDEXT_EXPORT OSBundle : public OSObject {
  public:
    using super = OSObject;

    /* The driver's own. It lives as long as the process, whether the caller releases it or not.
     * NULL outside of a driver process. */
    static OSBundle* mainBundle();
    /* The bundle at a path as of OSMappedFile::createFromPath; NULL where there is no bundle (a
     * folder with an Info.plist) or where the driver may not look. The caller releases it. */
    static OSBundle* createFromPath(const char* path);

    bool init() override;
    void free() override;

    /* A file by its path within the bundle; options and results as of
     * OSMappedFile::createFromPath. */
    kern_return_t loadResource(const char* name, uint64_t options, size_t minGuardSize,
                               OSMappedFile** outputMap);

    OSBundle_IVars* ivars;
};

#endif /* DRIVERKIT_OSBUNDLE_H */
