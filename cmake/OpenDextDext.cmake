# SPDX-License-Identifier: Apache-2.0
# add_dext(NAME [FOLDER dir] [BUNDLE_ID id] [OUTPUT dir] [SET VAR=VALUE …] [PROVIDER_CLASSES c …]
# [FOR_TESTS]): builds the driver in
# FOLDER (default: the current source folder) into OUTPUT/NAME.dext (default: share/opendext/dexts) with the
# opendext-build of this build tree, exactly as a driver author does. Target NAME_dext. opendext-build itself knows what
# is out of date, and needs a fraction of a second to say that nothing is.
function(add_dext name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "FOR_TESTS" "FOLDER;BUNDLE_ID;OUTPUT" "SET;PROVIDER_CLASSES")
    if(NOT arg_FOLDER)
        set(arg_FOLDER ${CMAKE_CURRENT_SOURCE_DIR})
    endif()
    cmake_path(ABSOLUTE_PATH arg_FOLDER BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    if(NOT arg_OUTPUT)
        set(arg_OUTPUT ${CMAKE_BINARY_DIR}/share/opendext/dexts)
    endif()
    set(options --quiet --name ${name} --output ${arg_OUTPUT})
    if(arg_BUNDLE_ID)
        list(APPEND options --bundle-id ${arg_BUNDLE_ID})
    endif()
    if(arg_SET)
        list(JOIN arg_SET "," values)
        list(APPEND options --set "${values}")
    endif()
    if(arg_PROVIDER_CLASSES)
        list(JOIN arg_PROVIDER_CLASSES "," classes)
        list(APPEND options --provider-class ${classes})
    endif()
    set(all ALL)
    if(arg_FOR_TESTS)
        set(all "")
    endif()
    add_custom_target(${name}_dext ${all}
        COMMAND ${CMAKE_COMMAND} -E env OPENDEXT_PREFIX=${CMAKE_BINARY_DIR}
            ${CMAKE_BINARY_DIR}/libexec/opendext/opendext-build ${options} ${arg_FOLDER}
        COMMENT "Building ${name}.dext"
        VERBATIM)
    # What the build uses: every library that a dext may be linked with is declared in this list by its folder.
    get_property(libraries GLOBAL PROPERTY OPENDEXT_DEXT_DEPENDENCIES)
    add_dependencies(${name}_dext opendext-build)
    foreach(dependency iig opendext_sdk DriverKit ${libraries})
        if(TARGET ${dependency})
            add_dependencies(${name}_dext ${dependency})
        endif()
    endforeach()
    if(arg_FOR_TESTS)
        opendext_test_program(${name}_dext)
    endif()
    set_property(TARGET ${name}_dext PROPERTY OPENDEXT_BUNDLE ${arg_OUTPUT}/${name}.dext)
endfunction()
