# SPDX-License-Identifier: Apache-2.0
# opendext_lab_test(NAME FILE [LABELS l …] [TIMEOUT s] [OPTIONS word …]): a unittest program that runs in the lab's virtual
# machine (lab/README.md), one CTest test with the label lab. OPTIONS go to lab/run. Where the lab cannot run it is skipped, and
# says why. The guest has two processors, so nothing runs beside it.
include(OpenDextPythonTest)

function(opendext_lab_test name file)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "TIMEOUT" "LABELS;OPTIONS")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 300)
    endif()
    math(EXPR limit "${arg_TIMEOUT} - 20")
    cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    opendext_test_command(command ${name} ${OPENDEXT_PYTHON} -B ${CMAKE_SOURCE_DIR}/lab/run --time-limit ${limit} ${arg_OPTIONS}
        -- ${OPENDEXT_PYTHON} -B ${file} -v)
    add_test(NAME ${name} COMMAND ${command})
    set_tests_properties(${name} PROPERTIES
        TIMEOUT ${arg_TIMEOUT}
        PROCESSORS 2
        SKIP_RETURN_CODE 77
        LABELS "lab;${arg_LABELS}"
        ENVIRONMENT "OPENDEXT_PREFIX=${CMAKE_BINARY_DIR};PYTHONPATH=${CMAKE_SOURCE_DIR}/tests/e2e")
endfunction()
