# SPDX-License-Identifier: Apache-2.0
# What every folder's CMakeLists.txt uses: warnings, sanitizers, ccache, and how a test is declared.

find_program(CCACHE ccache)
if(CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

set(OPENDEXT_SANITIZE "" CACHE STRING "Sanitizers for everything: address,undefined or thread (CONTRIBUTING.md)")

# The flags of our own code. Sources of dexts and generated code are compiled with the SDK's flags instead.
add_library(opendext_flags INTERFACE)
target_compile_options(opendext_flags INTERFACE -Wall -Wextra -Werror)
target_include_directories(opendext_flags INTERFACE ${CMAKE_SOURCE_DIR})
if(OPENDEXT_SANITIZE)
    # vptr and function need RTTI and exact function types; the driver side has neither.
    # -O1 with line tables: building takes half the time, and stacks in reports are still whole.
    add_compile_options(-fsanitize=${OPENDEXT_SANITIZE} -fno-omit-frame-pointer -O1 -g1)
    # Their runtime as a library: programs that are built without (clients, Python) get it with ours.
    string(REGEX MATCH "address|thread" runtime ${OPENDEXT_SANITIZE})
    string(SUBSTRING "${runtime}" 0 1 runtime)
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libclang_rt.${runtime}san-${CMAKE_SYSTEM_PROCESSOR}.so
        OUTPUT_VARIABLE runtime OUTPUT_STRIP_TRAILING_WHITESPACE)
    cmake_path(GET runtime PARENT_PATH folder)
    if(NOT folder)
        message(FATAL_ERROR "OPENDEXT_SANITIZE=${OPENDEXT_SANITIZE}: ${runtime} is missing; install libclang-rt-19-dev")
    endif()
    add_link_options(-fsanitize=${OPENDEXT_SANITIZE} -shared-libsan -Wl,-rpath,${folder})
    if(OPENDEXT_SANITIZE MATCHES undefined)
        add_compile_options(-fno-sanitize=vptr,function -fno-sanitize-recover=undefined)
    endif()
endif()
add_link_options(-fuse-ld=lld)

# Fuzz targets bring sanitizers of their own, so a build with others has none.
set(OPENDEXT_FUZZERS OFF)
if(CMAKE_CXX_COMPILER_ID MATCHES Clang AND NOT OPENDEXT_SANITIZE)
    set(OPENDEXT_FUZZERS ON)
endif()

# opendext_test_command(RESULT NAME COMMAND…): how a test is started. With sanitizers a program stands before it, which sets
# their options, gives the test more time, and fails it for what they report of any of its processes.
function(opendext_test_command result name)
    set(command ${ARGN})
    if(OPENDEXT_SANITIZE)
        list(PREPEND command /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/scripts/sanitizers/run_test.py
            --sanitize ${OPENDEXT_SANITIZE} --name ${name} --)
    endif()
    set(${result} "${command}" PARENT_SCOPE)
endfunction()

# opendext_test_limit(NAME SECONDS): how long a test may take.
function(opendext_test_limit name seconds)
    if(OPENDEXT_SANITIZE)
        math(EXPR seconds "${seconds} * 6")
        set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77)
    endif()
    set_tests_properties(${name} PROPERTIES TIMEOUT ${seconds})
endfunction()

# opendext_hot_code(LIBRARY FILE [PARTS target…]): the functions that FILE names lie on neighbouring pages of a shared library that
# is made of itself and PARTS, and calls leave it without a detour over a page of jumps. For code that runs seldom enough to be
# cold each time, and often enough to matter: each page and line that it touches is one to be fetched.
function(opendext_hot_code library file)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "PARTS")
    foreach(part ${library} ${arg_PARTS})
        target_compile_options(${part} PRIVATE -ffunction-sections -fno-plt)
    endforeach()
    set(file ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    target_link_options(${library} PRIVATE -Wl,--symbol-ordering-file=${file} -Wl,--no-warn-symbol-ordering)
    set_property(TARGET ${library} APPEND PROPERTY LINK_DEPENDS ${file})
endfunction()

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
        set(arg_TIMEOUT 300)
    endif()
    opendext_test_command(command ${name} $<TARGET_FILE:${name}>)
    add_test(NAME ${name} COMMAND ${command})
    opendext_test_limit(${name} ${arg_TIMEOUT})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}"
        ENVIRONMENT "OPENDEXT_PREFIX=${CMAKE_BINARY_DIR}")
endfunction()
