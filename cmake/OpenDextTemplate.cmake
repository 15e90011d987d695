# SPDX-License-Identifier: Apache-2.0
# opendext_template(NAME FOLDER): FOLDER is what `opendext new --family NAME` copies (project/templates/README.md).
function(opendext_template name folder)
    cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    set(to ${CMAKE_BINARY_DIR}/share/opendext/templates/${name})
    file(REMOVE_RECURSE ${to})
    file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/*)
    foreach(file IN LISTS files)
        configure_file(${folder}/${file} ${to}/${file} COPYONLY)
    endforeach()
endfunction()
