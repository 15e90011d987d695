/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OPENDEXT_MACH_KERN_RETURN_H_
#define OPENDEXT_MACH_KERN_RETURN_H_

typedef int kern_return_t;

#define KERN_SUCCESS ((kern_return_t)0x00000000)         /* No error */
#define KERN_INVALID_ADDRESS ((kern_return_t)0x00000001) /* Address not in the task */
#define KERN_PROTECTION_FAILURE                                                                 \
    ((kern_return_t)0x00000002)                            /* Access not allowed by the mapping \
                                                            */
#define KERN_NO_SPACE ((kern_return_t)0x00000003)          /* No address range free */
#define KERN_INVALID_ARGUMENT ((kern_return_t)0x00000004)  /* Bad argument */
#define KERN_FAILURE ((kern_return_t)0x00000005)           /* Generic failure */
#define KERN_RESOURCE_SHORTAGE ((kern_return_t)0x00000006) /* Out of system resources */
#define KERN_NOT_RECEIVER ((kern_return_t)0x00000007)      /* Task has no receive right */
#define KERN_NO_ACCESS ((kern_return_t)0x00000008)         /* Access refused */
#define KERN_MEMORY_FAILURE ((kern_return_t)0x00000009)
#define KERN_MEMORY_ERROR ((kern_return_t)0x0000000a)
#define KERN_ALREADY_IN_SET ((kern_return_t)0x0000000b)
#define KERN_NOT_IN_SET ((kern_return_t)0x0000000c)
#define KERN_NAME_EXISTS ((kern_return_t)0x0000000d)
#define KERN_ABORTED ((kern_return_t)0x0000000e)       /* Operation aborted */
#define KERN_INVALID_NAME ((kern_return_t)0x0000000f)  /* Name is not a right in this task */
#define KERN_INVALID_TASK ((kern_return_t)0x00000010)  /* Not a task */
#define KERN_INVALID_RIGHT ((kern_return_t)0x00000011) /* Right of the wrong kind */
#define KERN_INVALID_VALUE ((kern_return_t)0x00000012) /* Value out of range */
#define KERN_UREFS_OVERFLOW ((kern_return_t)0x00000013)
#define KERN_INVALID_CAPABILITY ((kern_return_t)0x00000014)
#define KERN_RIGHT_EXISTS ((kern_return_t)0x00000015)
#define KERN_INVALID_HOST ((kern_return_t)0x00000016)
#define KERN_MEMORY_PRESENT ((kern_return_t)0x00000017)
#define KERN_MEMORY_DATA_MOVED ((kern_return_t)0x00000018)
#define KERN_MEMORY_RESTART_COPY ((kern_return_t)0x00000019)
#define KERN_INVALID_PROCESSOR_SET ((kern_return_t)0x0000001a)
#define KERN_POLICY_LIMIT ((kern_return_t)0x0000001b)
#define KERN_INVALID_POLICY ((kern_return_t)0x0000001c)
#define KERN_INVALID_OBJECT ((kern_return_t)0x0000001d)
#define KERN_ALREADY_WAITING ((kern_return_t)0x0000001e) /* Another thread waits already */
#define KERN_DEFAULT_SET ((kern_return_t)0x0000001f)
#define KERN_EXCEPTION_PROTECTED ((kern_return_t)0x00000020)
#define KERN_INVALID_LEDGER ((kern_return_t)0x00000021)
#define KERN_INVALID_MEMORY_CONTROL ((kern_return_t)0x00000022)
#define KERN_INVALID_SECURITY ((kern_return_t)0x00000023)
#define KERN_NOT_DEPRESSED ((kern_return_t)0x00000024)
#define KERN_TERMINATED ((kern_return_t)0x00000025) /* Object was terminated */
#define KERN_LOCK_SET_DESTROYED ((kern_return_t)0x00000026)
#define KERN_LOCK_UNSTABLE ((kern_return_t)0x00000027)
#define KERN_LOCK_OWNED ((kern_return_t)0x00000028)      /* Lock owned by another */
#define KERN_LOCK_OWNED_SELF ((kern_return_t)0x00000029) /* Lock already owned by the caller */
#define KERN_SEMAPHORE_DESTROYED ((kern_return_t)0x0000002a)
#define KERN_RPC_SERVER_TERMINATED ((kern_return_t)0x0000002b)
#define KERN_RPC_TERMINATE_ORPHAN ((kern_return_t)0x0000002c)
#define KERN_RPC_CONTINUE_ORPHAN ((kern_return_t)0x0000002d)
#define KERN_NOT_SUPPORTED ((kern_return_t)0x0000002e) /* Not supported */
#define KERN_NODE_DOWN ((kern_return_t)0x0000002f)
#define KERN_NOT_WAITING ((kern_return_t)0x00000030)
#define KERN_OPERATION_TIMED_OUT ((kern_return_t)0x00000031) /* Timed out */
#define KERN_CODESIGN_ERROR ((kern_return_t)0x00000032)
#define KERN_POLICY_STATIC ((kern_return_t)0x00000033)
#define KERN_INSUFFICIENT_BUFFER_SIZE ((kern_return_t)0x00000034)
#define KERN_DENIED ((kern_return_t)0x00000035) /* Refused by policy */
#define KERN_MISSING_KC ((kern_return_t)0x00000036)
#define KERN_INVALID_KC ((kern_return_t)0x00000037)
#define KERN_NOT_FOUND ((kern_return_t)0x00000038)
#define KERN_RETURN_MAX ((kern_return_t)0x00000100)

#endif
