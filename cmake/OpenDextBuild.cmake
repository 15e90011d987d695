# SPDX-License-Identifier: Apache-2.0
# What every folder's CMakeLists.txt uses: warnings, sanitizers, ccache, and how a test is declared.

find_program(CCACHE ccache)
if(CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

set(OPENDEXT_SANITIZE "" CACHE STRING "Sanitizers for everything, e.g. address,undefined or thread")

# The flags of our own code. Sources of dexts and generated code are compiled with the SDK's flags instead.
add_library(opendext_flags INTERFACE)
target_compile_options(opendext_flags INTERFACE -Wall -Wextra -Werror)
target_include_directories(opendext_flags INTERFACE ${CMAKE_SOURCE_DIR})
if(OPENDEXT_SANITIZE)
    # vptr and function need RTTI and exact function types; the driver side has neither.
    add_compile_options(-fsanitize=${OPENDEXT_SANITIZE} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${OPENDEXT_SANITIZE})
    if(OPENDEXT_SANITIZE MATCHES undefined)
        add_compile_options(-fno-sanitize=vptr,function -fno-sanitize-recover=undefined)
    endif()
endif()
add_link_options(-fuse-ld=lld)

# What only tests need (test programs, dexts of tests) is built by the target test-programs.
add_custom_target(test-programs)
function(opendext_test_program)
    add_dependencies(test-programs ${ARGV})
endfunction()

# opendext_test(NAME SOURCES a.cpp … [LIBRARIES l …] [LABELS l …] [TIMEOUT s]): a GoogleTest program, one CTest test.
# Test programs are not part of "all", which is what ./run builds: the target test-programs builds them. GoogleTest is
# linked by name and not looked for, since ./run does without it.
function(opendext_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LIBRARIES;LABELS")
    add_executable(${name} EXCLUDE_FROM_ALL ${arg_SOURCES})
    opendext_test_program(${name})
    target_link_libraries(${name} PRIVATE opendext_flags ${arg_LIBRARIES} gtest gtest_main)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
        ENVIRONMENT "OPENDEXT_PREFIX=${CMAKE_BINARY_DIR}")
endfunction()
