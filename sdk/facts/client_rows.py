# SPDX-License-Identifier: Apache-2.0
"""The rows of docs/facts/iokit-client-api.csv and how annotations name them: by the name alone; what the facts know as
Objective-C by its C name (SystemExtensions.h)."""

import csv

import rows as facts

CSV = facts.ROOT / "docs/facts/iokit-client-api.csv"
FRAMEWORKS = ("IOKit", "IOKit/serial", "IOKit/hid", "IOKit/hidsystem", "CoreFoundation", "SystemExtensions", "mach/dispatch")

# The C names of what the facts know as Objective-C (SystemExtensions.h): by class and selector.
SE = "SystemExtensions"
C_NAMES = {
    "OSSystemExtensionManager.sharedManager": "OSSystemExtensionManagerGetSharedManager",
    "OSSystemExtensionManager.submitRequest:": "OSSystemExtensionManagerSubmitRequest",
    "OSSystemExtensionProperties.URL": "OSSystemExtensionPropertiesGetURL",
    "OSSystemExtensionProperties.bundleIdentifier": "OSSystemExtensionPropertiesGetBundleIdentifier",
    "OSSystemExtensionProperties.bundleVersion": "OSSystemExtensionPropertiesGetBundleVersion",
    "OSSystemExtensionProperties.bundleShortVersion": "OSSystemExtensionPropertiesGetBundleShortVersion",
    "OSSystemExtensionProperties.isEnabled": "OSSystemExtensionPropertiesIsEnabled",
    "OSSystemExtensionProperties.isAwaitingUserApproval": "OSSystemExtensionPropertiesIsAwaitingUserApproval",
    "OSSystemExtensionProperties.isUninstalling": "OSSystemExtensionPropertiesIsUninstalling",
    "OSSystemExtensionInfo.bundleIdentifier": "OSSystemExtensionInfoGetBundleIdentifier",
    "OSSystemExtensionInfo.bundleVersion": "OSSystemExtensionInfoGetBundleVersion",
    "OSSystemExtensionInfo.bundleShortVersion": "OSSystemExtensionInfoGetBundleShortVersion",
    "OSSystemExtensionRequest.activationRequestForExtension:queue:": "OSSystemExtensionRequestCreateActivationRequest",
    "OSSystemExtensionRequest.deactivationRequestForExtension:queue:": "OSSystemExtensionRequestCreateDeactivationRequest",
    "OSSystemExtensionRequest.propertiesRequestForExtension:queue:": "OSSystemExtensionRequestCreatePropertiesRequest",
    "OSSystemExtensionRequest.delegate": "OSSystemExtensionRequestSetDelegate",
    "OSSystemExtensionRequest.identifier": "OSSystemExtensionRequestGetIdentifier",
    "OSSystemExtensionsWorkspace.sharedWorkspace": "OSSystemExtensionsWorkspaceGetSharedWorkspace",
    "OSSystemExtensionsWorkspace.addObserver:error:": "OSSystemExtensionsWorkspaceAddObserver",
    "OSSystemExtensionsWorkspace.removeObserver:": "OSSystemExtensionsWorkspaceRemoveObserver",
    "OSSystemExtensionsWorkspace.systemExtensionsForApplicationWithBundleID:error:":
        "OSSystemExtensionsWorkspaceCopySystemExtensionsForApplicationWithBundleID",
}
CALLBACKS = {
    "OSSystemExtensionRequestDelegate": "OSSystemExtensionRequestDelegateCallBacks",
    "OSSystemExtensionsWorkspaceObserver": "OSSystemExtensionsWorkspaceObserverCallBacks",
}
CALLBACK_NAMES = {
    "request:actionForReplacingExtension:withExtension:": "actionForReplacingExtension",
    "request:didFinishWithResult:": "didFinishWithResult",
    "request:didFailWithError:": "didFailWithError",
    "request:foundProperties:": "foundProperties",
}


def client_rows():
    """The rows, in the order of the file."""
    rows = []
    with open(CSV, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        for item in reader:
            if item["framework"] not in FRAMEWORKS:
                continue
            attributes = tuple(word for word in item["attributes"].split(";") if word)
            name, member = item["class"], item["member"]
            if item["framework"] == SE and item["kind"] in ("method", "static", "field"):
                member = C_NAMES.get(name + "." + member) or CALLBACK_NAMES.get(member, member.rstrip(":"))
                name = CALLBACKS.get(name, "")
            if item["kind"] in ("constant", "typedef"):
                name = ""  # enumerators are global
            source = item["source"] if item["framework"] != SE else "SystemExtensions.h"
            source = "mach and dispatch" if source == "system headers" else source
            rows.append(ClientRow(reader.line_num, name, item["superclass"], member, item["kind"], item["signature"],
                                  attributes, source))
    return rows


class ClientRow(facts.Row):
    """A row under its header; tests name struct members and call-backs by the member alone."""

    @property
    def name(self):
        return self.member

    @property
    def group(self):
        return self.source

    @property
    def core(self):
        return "core" in self.attributes

    @property
    def objective_c(self):
        return self.source == "SystemExtensions.h"

    @property
    def needs_test(self):
        return super().needs_test or (self.objective_c and self.kind == "field" and not self.class_name)


def names():
    """What annotations may name."""
    return {row.name for row in client_rows()}
