# SPDX-License-Identifier: Apache-2.0
# add_dext() inside OpenDext's own build: the function of the CMake package (package/OpenDextAddDext.cmake, which documents its
# arguments), with the tools of this build tree. Besides: OUTPUT defaults to share/opendext/dexts, and what is built there is
# installed; FOR_TESTS makes the dext part of test-programs instead of all.
set_property(GLOBAL PROPERTY OPENDEXT_PREFIX ${CMAKE_BINARY_DIR})
include(${CMAKE_CURRENT_LIST_DIR}/package/OpenDextAddDext.cmake)

function(add_dext name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "FOR_TESTS" "OUTPUT" "")
    if(NOT arg_OUTPUT)
        set(arg_OUTPUT ${CMAKE_BINARY_DIR}/share/opendext/dexts)
    endif()
    set(exclude "")
    if(arg_FOR_TESTS)
        set(exclude EXCLUDE_FROM_ALL)
    endif()
    # What the build uses: every library that a dext may be linked with is declared in this list by its folder.
    get_property(libraries GLOBAL PROPERTY OPENDEXT_DEXT_DEPENDENCIES)
    set(needed "")
    foreach(dependency opendext-build iig opendext_sdk DriverKit ${libraries})
        if(TARGET ${dependency})
            list(APPEND needed ${dependency})
        endif()
    endforeach()
    _opendext_add_dext(${name} ${arg_UNPARSED_ARGUMENTS} OUTPUT ${arg_OUTPUT} ${exclude} DEPENDS ${needed})
    if(arg_FOR_TESTS)
        opendext_test_program(${name}_dext)
    else()
        set_property(GLOBAL APPEND PROPERTY OPENDEXT_SHIPPED_DEXTS ${arg_OUTPUT}/${name}.dext)
    endif()
endfunction()
