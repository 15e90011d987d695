# SPDX-License-Identifier: Apache-2.0
# How a framework of the SDK is made: its interface files go through iig, its headers are copied.
#
#   opendext_sdk_framework(SerialDriverKit IIG IOUserSerial.iig HEADERS SerialDriverKit.h [SYSTEM])
#
# Paths are relative to the calling folder. Results:
#   ${CMAKE_BINARY_DIR}/sdk/include/<Framework>/     X.iig, X.h (generated), headers
#   <Framework>_GENERATED_SOURCES                    the X.iig.cpp, to be compiled into the framework's library
#   sdk_<Framework>                                  target that makes all of it; depend on it
#   ${CMAKE_BINARY_DIR}/generated/system/<Framework>/X.system.h, with SYSTEM; included as "<Framework>/X.system.h"
#                                                    with target opendext_system_headers (an include directory)
# What is compiled for the driver's side links opendext_driver_flags.

set(OPENDEXT_SDK_DIR ${CMAKE_BINARY_DIR}/sdk)

if(NOT TARGET opendext_driver_flags)
    add_library(opendext_driver_flags INTERFACE)
    target_compile_options(opendext_driver_flags INTERFACE -fblocks -fno-exceptions $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)
    target_include_directories(opendext_driver_flags SYSTEM INTERFACE ${OPENDEXT_SDK_DIR}/platform
                                                                      ${OPENDEXT_SDK_DIR}/include)
    add_library(opendext_system_headers INTERFACE)
    target_include_directories(opendext_system_headers SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/generated/system)
endif()

# Copies FILES from `from` to the same relative places below `to`; appends the copies to `result`.
function(opendext_copy_files from to result)
    set(copies)
    foreach(file ${ARGN})
        add_custom_command(OUTPUT ${to}/${file}
            COMMAND ${CMAKE_COMMAND} -E copy ${from}/${file} ${to}/${file}
            DEPENDS ${from}/${file}
            COMMENT "sdk: ${file}" VERBATIM)
        list(APPEND copies ${to}/${file})
    endforeach()
    set(${result} ${copies} PARENT_SCOPE)
endfunction()

function(opendext_sdk_framework framework)
    cmake_parse_arguments(PARSE_ARGV 1 arg "SYSTEM" "" "IIG;HEADERS")
    set(include ${OPENDEXT_SDK_DIR}/include/${framework})
    set(generated ${CMAKE_BINARY_DIR}/generated/${framework})
    set(system ${CMAKE_BINARY_DIR}/generated/system/${framework})

    opendext_copy_files(${CMAKE_CURRENT_SOURCE_DIR} ${include} copies ${arg_IIG} ${arg_HEADERS})
    # Everything that iig may read must be there before it runs.
    get_property(readable GLOBAL PROPERTY OPENDEXT_SDK_READABLE)
    list(APPEND readable ${copies})
    set_property(GLOBAL PROPERTY OPENDEXT_SDK_READABLE ${readable})

    set(sources)
    set(headers)
    foreach(interface ${arg_IIG})
        get_filename_component(name ${interface} NAME_WE)
        set(outputs ${include}/${name}.h ${generated}/${name}.iig.cpp)
        set(system_arguments)
        if(arg_SYSTEM)
            set(system_arguments --system ${system}/${name}.system.h)
            list(APPEND outputs ${system}/${name}.system.h)
        endif()
        add_custom_command(OUTPUT ${outputs}
            COMMAND iig --no-sdk --framework-name ${framework} --def ${interface} --header ${include}/${name}.h
                --impl ${generated}/${name}.iig.cpp ${system_arguments}
                -- -isystem ${OPENDEXT_SDK_DIR}/platform -isystem ${OPENDEXT_SDK_DIR}/include
            WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
            DEPENDS iig ${readable}
            COMMENT "iig ${framework}/${name}" VERBATIM)
        list(APPEND sources ${generated}/${name}.iig.cpp)
        list(APPEND headers ${outputs})
    endforeach()
    add_custom_target(sdk_${framework} ALL DEPENDS ${copies} ${headers})
    if(NOT framework STREQUAL DriverKit AND TARGET sdk_DriverKit)
        add_dependencies(sdk_${framework} sdk_DriverKit)
    endif()
    set(${framework}_GENERATED_SOURCES ${sources} CACHE INTERNAL "What iig made for ${framework}")
endfunction()
