# SPDX-License-Identifier: Apache-2.0
# opendext_python_test(NAME FILE [LABELS l …] [TIMEOUT s] [SERIAL]): a unittest program, one CTest test. It runs with Debian's
# own Python (which has pyserial and pexpect), finds tests/e2e/harness.py, and the build tree through OPENDEXT_PREFIX.
# SERIAL: not beside other tests (it measures, or uses much of the machine).
find_program(OPENDEXT_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)

function(opendext_python_test name file)
    cmake_parse_arguments(PARSE_ARGV 2 arg "SERIAL" "TIMEOUT" "LABELS")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 300)
    endif()
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    opendext_test_command(command ${name} ${OPENDEXT_PYTHON} -B ${file} -v)
    add_test(NAME ${name} COMMAND ${command})
    opendext_test_limit(${name} ${arg_TIMEOUT})
    set_tests_properties(${name} PROPERTIES
        LABELS "${arg_LABELS}"
        ENVIRONMENT "OPENDEXT_PREFIX=${CMAKE_BINARY_DIR};OPENDEXT_SOURCE=${CMAKE_SOURCE_DIR};PYTHONPATH=${CMAKE_SOURCE_DIR}/tests/e2e")
    if(arg_SERIAL)
        set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
    endif()
endfunction()
