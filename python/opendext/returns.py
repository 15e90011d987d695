# SPDX-License-Identifier: Apache-2.0
"""Return codes and message numbers: names, numbers, meanings. Written by scripts/return_codes.py from
docs/facts/ioreturn.csv; do not edit. Numbers are unsigned."""

from typing import Final

kIOReturnSuccess: Final = 0x00000000
kIOReturnError: Final = 0xe00002bc
kIOReturnNoMemory: Final = 0xe00002bd
kIOReturnNoResources: Final = 0xe00002be
kIOReturnIPCError: Final = 0xe00002bf
kIOReturnNoDevice: Final = 0xe00002c0
kIOReturnNotPrivileged: Final = 0xe00002c1
kIOReturnBadArgument: Final = 0xe00002c2
kIOReturnLockedRead: Final = 0xe00002c3
kIOReturnLockedWrite: Final = 0xe00002c4
kIOReturnExclusiveAccess: Final = 0xe00002c5
kIOReturnBadMessageID: Final = 0xe00002c6
kIOReturnUnsupported: Final = 0xe00002c7
kIOReturnVMError: Final = 0xe00002c8
kIOReturnInternalError: Final = 0xe00002c9
kIOReturnIOError: Final = 0xe00002ca
kIOReturnCannotLock: Final = 0xe00002cc
kIOReturnNotOpen: Final = 0xe00002cd
kIOReturnNotReadable: Final = 0xe00002ce
kIOReturnNotWritable: Final = 0xe00002cf
kIOReturnNotAligned: Final = 0xe00002d0
kIOReturnBadMedia: Final = 0xe00002d1
kIOReturnStillOpen: Final = 0xe00002d2
kIOReturnRLDError: Final = 0xe00002d3
kIOReturnDMAError: Final = 0xe00002d4
kIOReturnBusy: Final = 0xe00002d5
kIOReturnTimeout: Final = 0xe00002d6
kIOReturnOffline: Final = 0xe00002d7
kIOReturnNotReady: Final = 0xe00002d8
kIOReturnNotAttached: Final = 0xe00002d9
kIOReturnNoChannels: Final = 0xe00002da
kIOReturnNoSpace: Final = 0xe00002db
kIOReturnPortExists: Final = 0xe00002dd
kIOReturnCannotWire: Final = 0xe00002de
kIOReturnNoInterrupt: Final = 0xe00002df
kIOReturnNoFrames: Final = 0xe00002e0
kIOReturnMessageTooLarge: Final = 0xe00002e1
kIOReturnNotPermitted: Final = 0xe00002e2
kIOReturnNoPower: Final = 0xe00002e3
kIOReturnNoMedia: Final = 0xe00002e4
kIOReturnUnformattedMedia: Final = 0xe00002e5
kIOReturnUnsupportedMode: Final = 0xe00002e6
kIOReturnUnderrun: Final = 0xe00002e7
kIOReturnOverrun: Final = 0xe00002e8
kIOReturnDeviceError: Final = 0xe00002e9
kIOReturnNoCompletion: Final = 0xe00002ea
kIOReturnAborted: Final = 0xe00002eb
kIOReturnNoBandwidth: Final = 0xe00002ec
kIOReturnNotResponding: Final = 0xe00002ed
kIOReturnIsoTooOld: Final = 0xe00002ee
kIOReturnIsoTooNew: Final = 0xe00002ef
kIOReturnNotFound: Final = 0xe00002f0
kIOReturnInvalid: Final = 0xe0000001
kIOMessageServiceIsTerminated: Final = 0xe0000010
kIOMessageServiceIsSuspended: Final = 0xe0000020
kIOMessageServiceIsResumed: Final = 0xe0000030
kIOMessageServiceIsRequestingClose: Final = 0xe0000100
kIOMessageServiceIsAttemptingOpen: Final = 0xe0000101
kIOMessageServiceWasClosed: Final = 0xe0000110
kIOMessageServiceBusyStateChange: Final = 0xe0000120
kIOMessageConsoleSecurityChange: Final = 0xe0000128
kIOMessageServicePropertyChange: Final = 0xe0000130
kIOMessageCopyClientID: Final = 0xe0000330
kIOMessageSystemCapabilityChange: Final = 0xe0000340
kIOMessageDeviceSignaledWakeup: Final = 0xe0000350
kIOMessageDeviceWillPowerOff: Final = 0xe0000210
kIOMessageDeviceHasPoweredOn: Final = 0xe0000230
kIOMessageSystemWillPowerOff: Final = 0xe0000250
kIOMessageSystemWillRestart: Final = 0xe0000310
kIOMessageSystemPagingOff: Final = 0xe0000255
kIOMessageCanSystemSleep: Final = 0xe0000270
kIOMessageSystemWillNotSleep: Final = 0xe0000290
kIOMessageSystemWillSleep: Final = 0xe0000280
kIOMessageSystemWillPowerOn: Final = 0xe0000320
kIOMessageSystemHasPoweredOn: Final = 0xe0000300
kIOMessageCanDevicePowerOff: Final = 0xe0000200
kIOMessageDeviceWillNotPowerOff: Final = 0xe0000220
kIOMessageSystemWillNotPowerOff: Final = 0xe0000260
kIOMessageCanSystemPowerOff: Final = 0xe0000240
kIOMessageDeviceWillPowerOn: Final = 0xe0000215
kIOMessageDeviceHasPoweredOff: Final = 0xe0000225
kUSBHostReturnPipeStalled: Final = 0xe0005000
kUSBHostReturnNoPower: Final = 0xe0005001
KERN_SUCCESS: Final = 0x00000000
KERN_INVALID_ADDRESS: Final = 0x00000001
KERN_PROTECTION_FAILURE: Final = 0x00000002
KERN_NO_SPACE: Final = 0x00000003
KERN_INVALID_ARGUMENT: Final = 0x00000004
KERN_FAILURE: Final = 0x00000005
KERN_RESOURCE_SHORTAGE: Final = 0x00000006
KERN_NOT_RECEIVER: Final = 0x00000007
KERN_NO_ACCESS: Final = 0x00000008
KERN_MEMORY_FAILURE: Final = 0x00000009
KERN_MEMORY_ERROR: Final = 0x0000000a
KERN_ALREADY_IN_SET: Final = 0x0000000b
KERN_NOT_IN_SET: Final = 0x0000000c
KERN_NAME_EXISTS: Final = 0x0000000d
KERN_ABORTED: Final = 0x0000000e
KERN_INVALID_NAME: Final = 0x0000000f
KERN_INVALID_TASK: Final = 0x00000010
KERN_INVALID_RIGHT: Final = 0x00000011
KERN_INVALID_VALUE: Final = 0x00000012
KERN_UREFS_OVERFLOW: Final = 0x00000013
KERN_INVALID_CAPABILITY: Final = 0x00000014
KERN_RIGHT_EXISTS: Final = 0x00000015
KERN_INVALID_HOST: Final = 0x00000016
KERN_MEMORY_PRESENT: Final = 0x00000017
KERN_MEMORY_DATA_MOVED: Final = 0x00000018
KERN_MEMORY_RESTART_COPY: Final = 0x00000019
KERN_INVALID_PROCESSOR_SET: Final = 0x0000001a
KERN_POLICY_LIMIT: Final = 0x0000001b
KERN_INVALID_POLICY: Final = 0x0000001c
KERN_INVALID_OBJECT: Final = 0x0000001d
KERN_ALREADY_WAITING: Final = 0x0000001e
KERN_DEFAULT_SET: Final = 0x0000001f
KERN_EXCEPTION_PROTECTED: Final = 0x00000020
KERN_INVALID_LEDGER: Final = 0x00000021
KERN_INVALID_MEMORY_CONTROL: Final = 0x00000022
KERN_INVALID_SECURITY: Final = 0x00000023
KERN_NOT_DEPRESSED: Final = 0x00000024
KERN_TERMINATED: Final = 0x00000025
KERN_LOCK_SET_DESTROYED: Final = 0x00000026
KERN_LOCK_UNSTABLE: Final = 0x00000027
KERN_LOCK_OWNED: Final = 0x00000028
KERN_LOCK_OWNED_SELF: Final = 0x00000029
KERN_SEMAPHORE_DESTROYED: Final = 0x0000002a
KERN_RPC_SERVER_TERMINATED: Final = 0x0000002b
KERN_RPC_TERMINATE_ORPHAN: Final = 0x0000002c
KERN_RPC_CONTINUE_ORPHAN: Final = 0x0000002d
KERN_NOT_SUPPORTED: Final = 0x0000002e
KERN_NODE_DOWN: Final = 0x0000002f
KERN_NOT_WAITING: Final = 0x00000030
KERN_OPERATION_TIMED_OUT: Final = 0x00000031
KERN_CODESIGN_ERROR: Final = 0x00000032
KERN_POLICY_STATIC: Final = 0x00000033
KERN_INSUFFICIENT_BUFFER_SIZE: Final = 0x00000034
KERN_DENIED: Final = 0x00000035
KERN_MISSING_KC: Final = 0x00000036
KERN_INVALID_KC: Final = 0x00000037
KERN_NOT_FOUND: Final = 0x00000038
KERN_RETURN_MAX: Final = 0x00000100
OSSystemExtensionErrorUnknown: Final = 0x00000001
OSSystemExtensionErrorMissingEntitlement: Final = 0x00000002
OSSystemExtensionErrorUnsupportedParentBundleLocation: Final = 0x00000003
OSSystemExtensionErrorExtensionNotFound: Final = 0x00000004
OSSystemExtensionErrorExtensionMissingIdentifier: Final = 0x00000005
OSSystemExtensionErrorDuplicateExtensionIdentifer: Final = 0x00000006
OSSystemExtensionErrorUnknownExtensionCategory: Final = 0x00000007
OSSystemExtensionErrorCodeSignatureInvalid: Final = 0x00000008
OSSystemExtensionErrorValidationFailed: Final = 0x00000009
OSSystemExtensionErrorForbiddenBySystemPolicy: Final = 0x0000000a
OSSystemExtensionErrorRequestCanceled: Final = 0x0000000b
OSSystemExtensionErrorRequestSuperseded: Final = 0x0000000c
OSSystemExtensionErrorAuthorizationRequired: Final = 0x0000000d

_RETURNS: Final[dict[int, tuple[str, str]]] = {
    0x00000000: ("kIOReturnSuccess", "No error; 0, the same value as KERN_SUCCESS"),
    0xe00002bc: ("kIOReturnError", "Unspecified failure; the usual default when a subclass does not implement a hook"),
    0xe00002bd: ("kIOReturnNoMemory", "An allocation failed"),
    0xe00002be: ("kIOReturnNoResources", "Some limited resource is used up"),
    0xe00002bf: ("kIOReturnIPCError", "The message exchange itself failed"),
    0xe00002c0: ("kIOReturnNoDevice", "The device does not exist or is gone"),
    0xe00002c1: ("kIOReturnNotPrivileged", "The caller lacks the privilege or entitlement"),
    0xe00002c2: ("kIOReturnBadArgument", "A parameter is invalid (wrong count, size, range, type or unknown name)"),
    0xe00002c3: ("kIOReturnLockedRead", "Device is locked against reading"),
    0xe00002c4: ("kIOReturnLockedWrite", "Device is locked against writing"),
    0xe00002c5: ("kIOReturnExclusiveAccess", "Another client holds the device exclusively"),
    0xe00002c6: ("kIOReturnBadMessageID", "The two sides disagree about a message or method id"),
    0xe00002c7: ("kIOReturnUnsupported", "Function not implemented, or not allowed in this state"),
    0xe00002c8: ("kIOReturnVMError", "Virtual memory failure"),
    0xe00002c9: ("kIOReturnInternalError", "Internal inconsistency"),
    0xe00002ca: ("kIOReturnIOError", "Generic I/O failure"),
    0xe00002cc: ("kIOReturnCannotLock", "A lock could not be taken"),
    0xe00002cd: ("kIOReturnNotOpen", "The device or session is not open"),
    0xe00002ce: ("kIOReturnNotReadable", "Reading is not supported"),
    0xe00002cf: ("kIOReturnNotWritable", "Writing is not supported; also a property that may not be set"),
    0xe00002d0: ("kIOReturnNotAligned", "Address or length is misaligned"),
    0xe00002d1: ("kIOReturnBadMedia", "Media error"),
    0xe00002d2: ("kIOReturnStillOpen", "Something is still open that must be closed first"),
    0xe00002d3: ("kIOReturnRLDError", "Dynamic-loader error (historic)"),
    0xe00002d4: ("kIOReturnDMAError", "DMA failure"),
    0xe00002d5: ("kIOReturnBusy", "Busy now; retry later"),
    0xe00002d6: ("kIOReturnTimeout", "Time limit reached"),
    0xe00002d7: ("kIOReturnOffline", "Device or its driver is off line"),
    0xe00002d8: ("kIOReturnNotReady", "Not ready for this operation (also: object already stopped)"),
    0xe00002d9: ("kIOReturnNotAttached", "Device not attached"),
    0xe00002da: ("kIOReturnNoChannels", "No DMA channel left"),
    0xe00002db: ("kIOReturnNoSpace", "No room for the data"),
    0xe00002dd: ("kIOReturnPortExists", "Port already exists"),
    0xe00002de: ("kIOReturnCannotWire", "Physical memory cannot be wired"),
    0xe00002df: ("kIOReturnNoInterrupt", "No interrupt available or attached"),
    0xe00002e0: ("kIOReturnNoFrames", "No DMA frames queued"),
    0xe00002e1: ("kIOReturnMessageTooLarge", "Message too large for the interrupt-time buffer"),
    0xe00002e2: ("kIOReturnNotPermitted", "Refused by policy (entitlement checks return this)"),
    0xe00002e3: ("kIOReturnNoPower", "Device has no power"),
    0xe00002e4: ("kIOReturnNoMedia", "No media in the drive"),
    0xe00002e5: ("kIOReturnUnformattedMedia", "Media is not formatted"),
    0xe00002e6: ("kIOReturnUnsupportedMode", "Mode not supported"),
    0xe00002e7: ("kIOReturnUnderrun", "Less data than asked for (empty queue, short transfer)"),
    0xe00002e8: ("kIOReturnOverrun", "More data than room (full queue, long transfer)"),
    0xe00002e9: ("kIOReturnDeviceError", "The device reported an error"),
    0xe00002ea: ("kIOReturnNoCompletion", "A completion routine is needed and missing; also the dispatch check with a NULL function"),
    0xe00002eb: ("kIOReturnAborted", "Operation was aborted"),
    0xe00002ec: ("kIOReturnNoBandwidth", "Not enough bus bandwidth"),
    0xe00002ed: ("kIOReturnNotResponding", "Device does not answer"),
    0xe00002ee: ("kIOReturnIsoTooOld", "Isochronous request too far in the past"),
    0xe00002ef: ("kIOReturnIsoTooNew", "Isochronous request too far in the future"),
    0xe00002f0: ("kIOReturnNotFound", "Item not found"),
    0xe0000001: ("kIOReturnInvalid", "Must never be seen; marks an unset result"),
    0xe0005000: ("kUSBHostReturnPipeStalled", "Endpoint answered STALL (or the controller halted the pipe); clear with ClearStall"),
    0xe0005001: ("kUSBHostReturnNoPower", "Not enough bus power for the configuration or device"),
    0x00000001: ("KERN_INVALID_ADDRESS", "Address not in the task"),
    0x00000002: ("KERN_PROTECTION_FAILURE", "Access not allowed by the mapping"),
    0x00000003: ("KERN_NO_SPACE", "No address range free"),
    0x00000004: ("KERN_INVALID_ARGUMENT", "Bad argument"),
    0x00000005: ("KERN_FAILURE", "Generic failure"),
    0x00000006: ("KERN_RESOURCE_SHORTAGE", "Out of system resources"),
    0x00000007: ("KERN_NOT_RECEIVER", "Task has no receive right"),
    0x00000008: ("KERN_NO_ACCESS", "Access refused"),
    0x00000009: ("KERN_MEMORY_FAILURE", ""),
    0x0000000a: ("KERN_MEMORY_ERROR", ""),
    0x0000000b: ("KERN_ALREADY_IN_SET", ""),
    0x0000000c: ("KERN_NOT_IN_SET", ""),
    0x0000000d: ("KERN_NAME_EXISTS", ""),
    0x0000000e: ("KERN_ABORTED", "Operation aborted"),
    0x0000000f: ("KERN_INVALID_NAME", "Name is not a right in this task"),
    0x00000010: ("KERN_INVALID_TASK", "Not a task"),
    0x00000011: ("KERN_INVALID_RIGHT", "Right of the wrong kind"),
    0x00000012: ("KERN_INVALID_VALUE", "Value out of range"),
    0x00000013: ("KERN_UREFS_OVERFLOW", ""),
    0x00000014: ("KERN_INVALID_CAPABILITY", ""),
    0x00000015: ("KERN_RIGHT_EXISTS", ""),
    0x00000016: ("KERN_INVALID_HOST", ""),
    0x00000017: ("KERN_MEMORY_PRESENT", ""),
    0x00000018: ("KERN_MEMORY_DATA_MOVED", ""),
    0x00000019: ("KERN_MEMORY_RESTART_COPY", ""),
    0x0000001a: ("KERN_INVALID_PROCESSOR_SET", ""),
    0x0000001b: ("KERN_POLICY_LIMIT", ""),
    0x0000001c: ("KERN_INVALID_POLICY", ""),
    0x0000001d: ("KERN_INVALID_OBJECT", ""),
    0x0000001e: ("KERN_ALREADY_WAITING", "Another thread waits already"),
    0x0000001f: ("KERN_DEFAULT_SET", ""),
    0x00000020: ("KERN_EXCEPTION_PROTECTED", ""),
    0x00000021: ("KERN_INVALID_LEDGER", ""),
    0x00000022: ("KERN_INVALID_MEMORY_CONTROL", ""),
    0x00000023: ("KERN_INVALID_SECURITY", ""),
    0x00000024: ("KERN_NOT_DEPRESSED", ""),
    0x00000025: ("KERN_TERMINATED", "Object was terminated"),
    0x00000026: ("KERN_LOCK_SET_DESTROYED", ""),
    0x00000027: ("KERN_LOCK_UNSTABLE", ""),
    0x00000028: ("KERN_LOCK_OWNED", "Lock owned by another"),
    0x00000029: ("KERN_LOCK_OWNED_SELF", "Lock already owned by the caller"),
    0x0000002a: ("KERN_SEMAPHORE_DESTROYED", ""),
    0x0000002b: ("KERN_RPC_SERVER_TERMINATED", ""),
    0x0000002c: ("KERN_RPC_TERMINATE_ORPHAN", ""),
    0x0000002d: ("KERN_RPC_CONTINUE_ORPHAN", ""),
    0x0000002e: ("KERN_NOT_SUPPORTED", "Not supported"),
    0x0000002f: ("KERN_NODE_DOWN", ""),
    0x00000030: ("KERN_NOT_WAITING", ""),
    0x00000031: ("KERN_OPERATION_TIMED_OUT", "Timed out"),
    0x00000032: ("KERN_CODESIGN_ERROR", ""),
    0x00000033: ("KERN_POLICY_STATIC", ""),
    0x00000034: ("KERN_INSUFFICIENT_BUFFER_SIZE", ""),
    0x00000035: ("KERN_DENIED", "Refused by policy"),
    0x00000036: ("KERN_MISSING_KC", ""),
    0x00000037: ("KERN_INVALID_KC", ""),
    0x00000038: ("KERN_NOT_FOUND", ""),
    0x00000100: ("KERN_RETURN_MAX", ""),
}

_MESSAGES: Final[dict[int, tuple[str, str]]] = {
    0xe0000010: ("kIOMessageServiceIsTerminated", "Service has been terminated"),
    0xe0000020: ("kIOMessageServiceIsSuspended", "Service is suspended"),
    0xe0000030: ("kIOMessageServiceIsResumed", "Service resumed"),
    0xe0000100: ("kIOMessageServiceIsRequestingClose", "Provider asks its clients to close it"),
    0xe0000101: ("kIOMessageServiceIsAttemptingOpen", "Another client tries to open the provider"),
    0xe0000110: ("kIOMessageServiceWasClosed", "Provider was closed by its opener"),
    0xe0000120: ("kIOMessageServiceBusyStateChange", "Busy state went to or left zero; the argument is the new state"),
    0xe0000128: ("kIOMessageConsoleSecurityChange", "Console user or lock state changed"),
    0xe0000130: ("kIOMessageServicePropertyChange", "Properties of the service changed"),
    0xe0000330: ("kIOMessageCopyClientID", "Power management asks for a client identifier"),
    0xe0000340: ("kIOMessageSystemCapabilityChange", "System power capabilities change"),
    0xe0000350: ("kIOMessageDeviceSignaledWakeup", "Device caused the wake"),
    0xe0000210: ("kIOMessageDeviceWillPowerOff", "Device is about to lose power"),
    0xe0000230: ("kIOMessageDeviceHasPoweredOn", "Device has power again"),
    0xe0000250: ("kIOMessageSystemWillPowerOff", "Shutdown has begun"),
    0xe0000310: ("kIOMessageSystemWillRestart", "Restart has begun"),
    0xe0000255: ("kIOMessageSystemPagingOff", "Paging is about to be turned off"),
    0xe0000270: ("kIOMessageCanSystemSleep", "Question: may the system idle-sleep"),
    0xe0000290: ("kIOMessageSystemWillNotSleep", "A client vetoed the sleep"),
    0xe0000280: ("kIOMessageSystemWillSleep", "Sleep is about to happen; acknowledge"),
    0xe0000320: ("kIOMessageSystemWillPowerOn", "Early wake notice"),
    0xe0000300: ("kIOMessageSystemHasPoweredOn", "Wake complete"),
    0xe0000200: ("kIOMessageCanDevicePowerOff", "Question: may the device power off"),
    0xe0000220: ("kIOMessageDeviceWillNotPowerOff", "Device power-off was vetoed"),
    0xe0000260: ("kIOMessageSystemWillNotPowerOff", "System power-off was vetoed"),
    0xe0000240: ("kIOMessageCanSystemPowerOff", "Question: may the system power off"),
    0xe0000215: ("kIOMessageDeviceWillPowerOn", "Device is about to be powered"),
    0xe0000225: ("kIOMessageDeviceHasPoweredOff", "Device has lost power"),
    0xe0005000: ("kUSBHostMessageConfigurationSet", "Device configuration was set (sent to general-interest clients)"),
    0xe0005001: ("kUSBHostMessageRenegotiateCurrent", "Clients should renegotiate their sleep/wake current"),
    0xe0005002: ("kUSBHostMessageControllerException", "Host controller had a fatal exception"),
    0xe0004001: ("kIOUSBMessageHubResetPort", ""),
    0xe0004002: ("kIOUSBMessageHubSuspendPort", ""),
    0xe0004003: ("kIOUSBMessageHubResumePort", ""),
    0xe0004004: ("kIOUSBMessageHubIsDeviceConnected", ""),
    0xe0004005: ("kIOUSBMessageHubIsPortEnabled", ""),
    0xe0004006: ("kIOUSBMessageHubReEnumeratePort", ""),
    0xe000400a: ("kIOUSBMessagePortHasBeenReset", ""),
    0xe000400b: ("kIOUSBMessagePortHasBeenResumed", ""),
    0xe000400c: ("kIOUSBMessageHubPortClearTT", ""),
    0xe000400d: ("kIOUSBMessagePortHasBeenSuspended", ""),
    0xe000400e: ("kIOUSBMessageFromThirdParty", ""),
    0xe000400f: ("kIOUSBMessagePortWasNotSuspended", ""),
    0xe0004010: ("kIOUSBMessageExpressCardCantWake", ""),
    0xe0004011: ("kIOUSBMessageCompositeDriverReconfigured", ""),
    0xe0004012: ("kIOUSBMessageHubSetPortRecoveryTime", ""),
    0xe0004013: ("kIOUSBMessageOvercurrentCondition", ""),
    0xe0004014: ("kIOUSBMessageNotEnoughPower", ""),
    0xe0004015: ("kIOUSBMessageController", ""),
    0xe0004016: ("kIOUSBMessageRootHubWakeEvent", ""),
    0xe0004017: ("kIOUSBMessageReleaseExtraCurrent", ""),
    0xe0004018: ("kIOUSBMessageReallocateExtraCurrent", ""),
    0xe0004019: ("kIOUSBMessageEndpointCountExceeded", ""),
    0xe000401a: ("kIOUSBMessageDeviceCountExceeded", ""),
    0xe000401b: ("kIOUSBMessageHubPortDeviceDisconnected", ""),
    0xe000401c: ("kIOUSBMessageUnsupportedConfiguration", ""),
    0xe000401d: ("kIOUSBMessageHubCountExceeded", ""),
    0xe000401e: ("kIOUSBMessageTDMLowBattery", ""),
    0xe000401f: ("kIOUSBMessageLegacySuspendDevice", ""),
    0xe0004020: ("kIOUSBMessageLegacyResetDevice", ""),
    0xe0004021: ("kIOUSBMessageLegacyReEnumerateDevice", ""),
    0xe0004022: ("kIOUSBMessageConfigurationSet", ""),
}

_EXTENSION_ERRORS: Final[dict[int, tuple[str, str]]] = {
    0x00000001: ("OSSystemExtensionErrorUnknown", "An error that has no code of its own"),
    0x00000002: ("OSSystemExtensionErrorMissingEntitlement", "The app, or the extension, lacks an entitlement that it needs"),
    0x00000003: ("OSSystemExtensionErrorUnsupportedParentBundleLocation", "The app lies in a place from which extensions are not taken"),
    0x00000004: ("OSSystemExtensionErrorExtensionNotFound", "There is no such extension in the app, or none is installed"),
    0x00000005: ("OSSystemExtensionErrorExtensionMissingIdentifier", "The extension's Info.plist has no CFBundleIdentifier"),
    0x00000006: ("OSSystemExtensionErrorDuplicateExtensionIdentifer", "Two extensions have the same identifier"),
    0x00000007: ("OSSystemExtensionErrorUnknownExtensionCategory", "It cannot be told what kind of extension it is"),
    0x00000008: ("OSSystemExtensionErrorCodeSignatureInvalid", "The signature is missing or does not fit what is in the bundle"),
    0x00000009: ("OSSystemExtensionErrorValidationFailed", "The bundle was looked at and found wrong; the reason says what"),
    0x0000000a: ("OSSystemExtensionErrorForbiddenBySystemPolicy", "The system's policy does not allow the extension"),
    0x0000000b: ("OSSystemExtensionErrorRequestCanceled", "The request was cancelled"),
    0x0000000c: ("OSSystemExtensionErrorRequestSuperseded", "A later request for the same extension took its place"),
    0x0000000d: ("OSSystemExtensionErrorAuthorizationRequired", "Somebody with the right to do so has to approve it"),
}


def name(code: int) -> str:
    """kIOReturnBadArgument and so on; "" for a number without a name."""
    return _RETURNS.get(code & 0xffffffff, ("", ""))[0]


def meaning(code: int) -> str:
    """What a code stands for, in words; "" where nothing is known."""
    return _RETURNS.get(code & 0xffffffff, ("", ""))[1]


def message_name(message: int) -> str:
    """kIOMessageServiceIsTerminated and so on, for what an interest notification says."""
    return _MESSAGES.get(message & 0xffffffff, ("", ""))[0]


def extension_error_name(code: int) -> str:
    """OSSystemExtensionErrorMissingEntitlement and so on, for the code of an ExtensionError."""
    return _EXTENSION_ERRORS.get(code, ("", ""))[0]


__all__ = [
    "kIOReturnSuccess",
    "kIOReturnError",
    "kIOReturnNoMemory",
    "kIOReturnNoResources",
    "kIOReturnIPCError",
    "kIOReturnNoDevice",
    "kIOReturnNotPrivileged",
    "kIOReturnBadArgument",
    "kIOReturnLockedRead",
    "kIOReturnLockedWrite",
    "kIOReturnExclusiveAccess",
    "kIOReturnBadMessageID",
    "kIOReturnUnsupported",
    "kIOReturnVMError",
    "kIOReturnInternalError",
    "kIOReturnIOError",
    "kIOReturnCannotLock",
    "kIOReturnNotOpen",
    "kIOReturnNotReadable",
    "kIOReturnNotWritable",
    "kIOReturnNotAligned",
    "kIOReturnBadMedia",
    "kIOReturnStillOpen",
    "kIOReturnRLDError",
    "kIOReturnDMAError",
    "kIOReturnBusy",
    "kIOReturnTimeout",
    "kIOReturnOffline",
    "kIOReturnNotReady",
    "kIOReturnNotAttached",
    "kIOReturnNoChannels",
    "kIOReturnNoSpace",
    "kIOReturnPortExists",
    "kIOReturnCannotWire",
    "kIOReturnNoInterrupt",
    "kIOReturnNoFrames",
    "kIOReturnMessageTooLarge",
    "kIOReturnNotPermitted",
    "kIOReturnNoPower",
    "kIOReturnNoMedia",
    "kIOReturnUnformattedMedia",
    "kIOReturnUnsupportedMode",
    "kIOReturnUnderrun",
    "kIOReturnOverrun",
    "kIOReturnDeviceError",
    "kIOReturnNoCompletion",
    "kIOReturnAborted",
    "kIOReturnNoBandwidth",
    "kIOReturnNotResponding",
    "kIOReturnIsoTooOld",
    "kIOReturnIsoTooNew",
    "kIOReturnNotFound",
    "kIOReturnInvalid",
    "kIOMessageServiceIsTerminated",
    "kIOMessageServiceIsSuspended",
    "kIOMessageServiceIsResumed",
    "kIOMessageServiceIsRequestingClose",
    "kIOMessageServiceIsAttemptingOpen",
    "kIOMessageServiceWasClosed",
    "kIOMessageServiceBusyStateChange",
    "kIOMessageConsoleSecurityChange",
    "kIOMessageServicePropertyChange",
    "kIOMessageCopyClientID",
    "kIOMessageSystemCapabilityChange",
    "kIOMessageDeviceSignaledWakeup",
    "kIOMessageDeviceWillPowerOff",
    "kIOMessageDeviceHasPoweredOn",
    "kIOMessageSystemWillPowerOff",
    "kIOMessageSystemWillRestart",
    "kIOMessageSystemPagingOff",
    "kIOMessageCanSystemSleep",
    "kIOMessageSystemWillNotSleep",
    "kIOMessageSystemWillSleep",
    "kIOMessageSystemWillPowerOn",
    "kIOMessageSystemHasPoweredOn",
    "kIOMessageCanDevicePowerOff",
    "kIOMessageDeviceWillNotPowerOff",
    "kIOMessageSystemWillNotPowerOff",
    "kIOMessageCanSystemPowerOff",
    "kIOMessageDeviceWillPowerOn",
    "kIOMessageDeviceHasPoweredOff",
    "kUSBHostReturnPipeStalled",
    "kUSBHostReturnNoPower",
    "KERN_SUCCESS",
    "KERN_INVALID_ADDRESS",
    "KERN_PROTECTION_FAILURE",
    "KERN_NO_SPACE",
    "KERN_INVALID_ARGUMENT",
    "KERN_FAILURE",
    "KERN_RESOURCE_SHORTAGE",
    "KERN_NOT_RECEIVER",
    "KERN_NO_ACCESS",
    "KERN_MEMORY_FAILURE",
    "KERN_MEMORY_ERROR",
    "KERN_ALREADY_IN_SET",
    "KERN_NOT_IN_SET",
    "KERN_NAME_EXISTS",
    "KERN_ABORTED",
    "KERN_INVALID_NAME",
    "KERN_INVALID_TASK",
    "KERN_INVALID_RIGHT",
    "KERN_INVALID_VALUE",
    "KERN_UREFS_OVERFLOW",
    "KERN_INVALID_CAPABILITY",
    "KERN_RIGHT_EXISTS",
    "KERN_INVALID_HOST",
    "KERN_MEMORY_PRESENT",
    "KERN_MEMORY_DATA_MOVED",
    "KERN_MEMORY_RESTART_COPY",
    "KERN_INVALID_PROCESSOR_SET",
    "KERN_POLICY_LIMIT",
    "KERN_INVALID_POLICY",
    "KERN_INVALID_OBJECT",
    "KERN_ALREADY_WAITING",
    "KERN_DEFAULT_SET",
    "KERN_EXCEPTION_PROTECTED",
    "KERN_INVALID_LEDGER",
    "KERN_INVALID_MEMORY_CONTROL",
    "KERN_INVALID_SECURITY",
    "KERN_NOT_DEPRESSED",
    "KERN_TERMINATED",
    "KERN_LOCK_SET_DESTROYED",
    "KERN_LOCK_UNSTABLE",
    "KERN_LOCK_OWNED",
    "KERN_LOCK_OWNED_SELF",
    "KERN_SEMAPHORE_DESTROYED",
    "KERN_RPC_SERVER_TERMINATED",
    "KERN_RPC_TERMINATE_ORPHAN",
    "KERN_RPC_CONTINUE_ORPHAN",
    "KERN_NOT_SUPPORTED",
    "KERN_NODE_DOWN",
    "KERN_NOT_WAITING",
    "KERN_OPERATION_TIMED_OUT",
    "KERN_CODESIGN_ERROR",
    "KERN_POLICY_STATIC",
    "KERN_INSUFFICIENT_BUFFER_SIZE",
    "KERN_DENIED",
    "KERN_MISSING_KC",
    "KERN_INVALID_KC",
    "KERN_NOT_FOUND",
    "KERN_RETURN_MAX",
    "OSSystemExtensionErrorUnknown",
    "OSSystemExtensionErrorMissingEntitlement",
    "OSSystemExtensionErrorUnsupportedParentBundleLocation",
    "OSSystemExtensionErrorExtensionNotFound",
    "OSSystemExtensionErrorExtensionMissingIdentifier",
    "OSSystemExtensionErrorDuplicateExtensionIdentifer",
    "OSSystemExtensionErrorUnknownExtensionCategory",
    "OSSystemExtensionErrorCodeSignatureInvalid",
    "OSSystemExtensionErrorValidationFailed",
    "OSSystemExtensionErrorForbiddenBySystemPolicy",
    "OSSystemExtensionErrorRequestCanceled",
    "OSSystemExtensionErrorRequestSuperseded",
    "OSSystemExtensionErrorAuthorizationRequired",
]
