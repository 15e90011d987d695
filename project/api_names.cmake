# SPDX-License-Identifier: Apache-2.0
# cmake -DFACTS=docs/facts/driverkit-api.csv -DOUTPUT=sdk/api-names.txt -P api_names.cmake: the names of DriverKit's public
# interface, one a line, sorted. opendext-build tells with it whether a name that a source uses ever existed.
cmake_policy(VERSION 3.25)
file(STRINGS ${FACTS} rows REGEX "^[A-Za-z]*,[A-Za-z0-9_]*,[^,]*,[A-Za-z0-9_]*,")
list(TRANSFORM rows REPLACE "^[A-Za-z]*,([A-Za-z0-9_]*),[^,]*,([A-Za-z0-9_]*),.*$" "\\1 \\2")
string(REPLACE " " ";" names "${rows}")
list(REMOVE_ITEM names "" class member)
list(REMOVE_DUPLICATES names)
list(SORT names)
list(JOIN names "\n" text)
file(WRITE ${OUTPUT} "${text}\n")
