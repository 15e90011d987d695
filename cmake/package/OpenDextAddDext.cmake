# SPDX-License-Identifier: Apache-2.0
# add_dext(NAME
#     [SOURCES file…]                .iig, .cpp, .c and .h files; without it, what lies in FOLDER
#     [FOLDER dir]                   default: the current source folder
#     [INFO_PLIST file]              with SOURCES; default: Info.plist
#     [ENTITLEMENTS file]            with SOURCES; default: NAME.entitlements if that is there
#     [BUNDLE_ID id]                 value of PRODUCT_BUNDLE_IDENTIFIER
#     [SET VAR=VALUE…]               further build variables for the property lists
#     [INCLUDE_DIRECTORIES dir…] [DEFINITIONS NAME[=VALUE]…]
#     [PROVIDER_CLASSES class…]      classes of other dexts that IOProviderClass may name
#     [DEPENDS target-or-file…]      what has to be made first, such as generated sources
#     [OUTPUT dir]                   default: the current binary folder
#     [EXCLUDE_FROM_ALL])
#
# Target NAME_dext builds OUTPUT/NAME.dext with opendext-build, exactly as `opendext build` does; its property
# OPENDEXT_BUNDLE is the bundle's path. opendext-build itself knows what is out of date, and needs a fraction of a second to
# say that nothing is. What is to be built is written to NAME.dexttarget in OPENDEXT_TARGET_FOLDER (default:
# opendext-targets/ in the top binary folder) when CMake configures.
#
# Uses the global property OPENDEXT_PREFIX: the installation whose programs and SDK are used. The function is called
# _opendext_add_dext here; OpenDextConfig.cmake gives it its name, OpenDext's own build puts its own defaults in front.

function(_opendext_xml result text)
    string(REPLACE "&" "&amp;" text "${text}")
    string(REPLACE "<" "&lt;" text "${text}")
    string(REPLACE ">" "&gt;" text "${text}")
    set(${result} "${text}" PARENT_SCOPE)
endfunction()

# Appends a key with a string, or with an array of strings, to the variable `description`.
function(_opendext_describe key kind)
    if("${ARGN}" STREQUAL "")
        return()
    endif()
    set(values "")
    foreach(value IN LISTS ARGN)
        _opendext_xml(value "${value}")
        string(APPEND values "<string>${value}</string>")
    endforeach()
    if(kind STREQUAL "array")
        set(values "<array>${values}</array>")
    endif()
    set(description "${description}    <key>${key}</key>${values}\n" PARENT_SCOPE)
endfunction()

function(_opendext_absolute result)
    set(paths "")
    foreach(path IN LISTS ARGN)
        cmake_path(ABSOLUTE_PATH path BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
        list(APPEND paths "${path}")
    endforeach()
    set(${result} "${paths}" PARENT_SCOPE)
endfunction()

function(_opendext_add_dext name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "EXCLUDE_FROM_ALL" "FOLDER;BUNDLE_ID;OUTPUT;INFO_PLIST;ENTITLEMENTS"
        "SOURCES;SET;INCLUDE_DIRECTORIES;DEFINITIONS;PROVIDER_CLASSES;DEPENDS")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "add_dext(${name}): unknown argument ${arg_UNPARSED_ARGUMENTS}: list files behind SOURCES")
    endif()
    if(arg_SOURCES AND arg_FOLDER)
        message(FATAL_ERROR "add_dext(${name}): give SOURCES or FOLDER, not both")
    endif()

    if(arg_OUTPUT)
        cmake_path(ABSOLUTE_PATH arg_OUTPUT BASE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR} NORMALIZE)
    else()
        set(arg_OUTPUT ${CMAKE_CURRENT_BINARY_DIR})
    endif()
    set(description "")
    _opendext_describe(name string "${name}")
    if(arg_SOURCES)
        _opendext_absolute(files ${arg_SOURCES})
        set(interfaces ${files})
        set(headers ${files})
        set(sources ${files})
        list(FILTER interfaces INCLUDE REGEX "\\.iig$")
        list(FILTER headers INCLUDE REGEX "\\.(h|hh|hpp|hxx)$")
        list(FILTER sources INCLUDE REGEX "\\.(c|cc|cpp|cxx)$")
        foreach(file IN LISTS files)
            if(NOT file IN_LIST interfaces AND NOT file IN_LIST headers AND NOT file IN_LIST sources)
                message(FATAL_ERROR "add_dext(${name}): ${file} is no .iig, C++, C or header file")
            endif()
            if(NOT EXISTS ${file} AND NOT arg_DEPENDS)
                message(FATAL_ERROR "add_dext(${name}): ${file} is not there; name what makes it behind DEPENDS")
            endif()
        endforeach()
        if(NOT arg_INFO_PLIST)
            set(arg_INFO_PLIST Info.plist)
        endif()
        if(NOT arg_ENTITLEMENTS AND EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${name}.entitlements)
            set(arg_ENTITLEMENTS ${name}.entitlements)
        endif()
        _opendext_absolute(info ${arg_INFO_PLIST})
        _opendext_absolute(entitlements ${arg_ENTITLEMENTS})
        foreach(file IN LISTS info entitlements)
            if(NOT EXISTS ${file} AND NOT arg_DEPENDS)
                message(FATAL_ERROR "add_dext(${name}): ${file} is not there: name the right file behind INFO_PLIST or ENTITLEMENTS")
            endif()
        endforeach()
        # Quoted includes are looked up in the folder of each file that is listed.
        set(includes ${CMAKE_CURRENT_SOURCE_DIR})
        foreach(file IN LISTS interfaces headers sources)
            cmake_path(GET file PARENT_PATH parent)
            list(APPEND includes ${parent})
        endforeach()
        _opendext_describe(folder string "${CMAKE_CURRENT_SOURCE_DIR}")
        _opendext_describe(interfaces array ${interfaces})
        _opendext_describe(headers array ${headers})
        _opendext_describe(sources array ${sources})
        _opendext_describe(info_plist string "${info}")
        _opendext_describe(entitlements string "${entitlements}")
    else()
        if(arg_INFO_PLIST OR arg_ENTITLEMENTS)
            message(FATAL_ERROR "add_dext(${name}): INFO_PLIST and ENTITLEMENTS go with SOURCES; FOLDER finds its own")
        endif()
        if(NOT arg_FOLDER)
            set(arg_FOLDER ${CMAKE_CURRENT_SOURCE_DIR})
        endif()
        _opendext_absolute(folder ${arg_FOLDER})
        _opendext_describe(folder string "${folder}")
        set(includes "")
    endif()
    _opendext_absolute(further ${arg_INCLUDE_DIRECTORIES})
    list(APPEND includes ${further})
    list(REMOVE_DUPLICATES includes)
    _opendext_describe(include_folders array ${includes})
    _opendext_describe(definitions array ${arg_DEFINITIONS})

    set(variables ${arg_SET})
    if(arg_BUNDLE_ID)
        list(APPEND variables PRODUCT_BUNDLE_IDENTIFIER=${arg_BUNDLE_ID})
    endif()
    if(CMAKE_BUILD_TYPE)
        list(APPEND variables CONFIGURATION=${CMAKE_BUILD_TYPE})
    endif()
    set(pairs "")
    foreach(variable IN LISTS variables)
        if(NOT variable MATCHES "^([^=]+)=(.*)$")
            message(FATAL_ERROR "add_dext(${name}): SET needs VAR=VALUE, got ${variable}")
        endif()
        _opendext_xml(key "${CMAKE_MATCH_1}")
        string(REGEX REPLACE "^[^=]+=" "" value "${variable}")
        _opendext_xml(value "${value}")
        string(APPEND pairs "<key>${key}</key><string>${value}</string>")
    endforeach()
    string(APPEND description "    <key>variables</key><dict>${pairs}</dict>\n")

    if(NOT OPENDEXT_TARGET_FOLDER)
        set(OPENDEXT_TARGET_FOLDER ${CMAKE_BINARY_DIR}/opendext-targets)
    endif()
    set(file ${OPENDEXT_TARGET_FOLDER}/${name}.dexttarget)
    file(CONFIGURE OUTPUT ${file} @ONLY CONTENT
"<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<plist version=\"1.0\">
<dict>
@description@</dict>
</plist>
")

    set(options --quiet --output ${arg_OUTPUT})
    if(arg_PROVIDER_CLASSES)
        list(JOIN arg_PROVIDER_CLASSES "," classes)
        list(APPEND options --provider-class ${classes})
    endif()
    set(all ALL)
    if(arg_EXCLUDE_FROM_ALL)
        set(all "")
    endif()
    set(files_needed ${arg_DEPENDS})
    set(targets_needed "")
    foreach(dependency IN LISTS arg_DEPENDS)
        if(TARGET ${dependency})
            list(REMOVE_ITEM files_needed ${dependency})
            list(APPEND targets_needed ${dependency})
        endif()
    endforeach()
    get_property(prefix GLOBAL PROPERTY OPENDEXT_PREFIX)
    add_custom_target(${name}_dext ${all}
        COMMAND ${CMAKE_COMMAND} -E env OPENDEXT_PREFIX=${prefix}
            ${prefix}/libexec/opendext/opendext-build ${options} ${file}
        DEPENDS ${files_needed}
        COMMENT "Building ${name}.dext"
        VERBATIM)
    if(targets_needed)
        add_dependencies(${name}_dext ${targets_needed})
    endif()
    set_target_properties(${name}_dext PROPERTIES OPENDEXT_BUNDLE ${arg_OUTPUT}/${name}.dext)
endfunction()
