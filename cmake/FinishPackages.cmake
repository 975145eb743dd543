# Run by CPack between installing into its own folder and making packages of it: what distributions want of a package
# and nobody wants from `make install`. Compressed pages, static libraries without the compiler's notes, and for
# Debian the files that its policy asks for (Debian Policy Manual, 12.5 and 12.7).

function(run)
	execute_process(COMMAND ${ARGV} RESULT_VARIABLE status)
	if(NOT status EQUAL 0)
		message(FATAL_ERROR "failed: ${ARGV}")
	endif()
endfunction()

function(finish_debian root package release)
	set(doc "${root}/usr/share/doc/${package}")
	file(REMOVE_RECURSE "${root}/usr/share/doc")
	file(READ "${CPACK_RESOURCE_FILE_LICENSE}" license)
	string(REGEX MATCH "Copyright[^\n]*" holder "${license}")
	string(REPLACE "Copyright " "" holder "${holder}")
	# Everything after the copyright line, in the form of a field that goes on: a blank before each line.
	string(REGEX REPLACE "^.*Copyright[^\n]*\n\n" "" text "${license}")
	string(REGEX REPLACE "\n$" "" text "${text}")
	string(REPLACE "\n" "\n " text "${text}")
	string(REPLACE "\n \n" "\n .\n" text "${text}")
	file(WRITE "${doc}/copyright" "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
		"Upstream-Name: pgmonkey\n\nFiles: *\nCopyright: ${holder}\nLicense: Expat\n ${text}\n")
	string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
	file(WRITE "${doc}/changelog.Debian" "pgmonkey (${CPACK_PACKAGE_VERSION}-${release}) unstable; urgency=medium\n\n"
		"  * Made with CPack; what has changed in the sources is in changelog.gz.\n\n"
		" -- ${CPACK_PACKAGE_CONTACT}  ${now}\n")
	configure_file("${CMAKE_CURRENT_LIST_DIR}/../CHANGELOG.md" "${doc}/changelog" COPYONLY)
	run(gzip -9n "${doc}/changelog.Debian" "${doc}/changelog")
endfunction()

function(finish_rpm root package)
	file(REMOVE_RECURSE "${root}/usr/share/doc")
	configure_file("${CPACK_RESOURCE_FILE_LICENSE}" "${root}/usr/share/licenses/${package}/LICENSE" COPYONLY)
endfunction()

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
	set(root "${CPACK_TEMPORARY_DIRECTORY}/${component}")
	string(TOUPPER "${component}" upper)
	file(GLOB pages "${root}/usr/share/man/*/*")
	if(pages)
		run(gzip -9n ${pages})
	endif()
	file(GLOB_RECURSE archives "${root}/*.a")
	foreach(archive IN LISTS archives)
		run(strip --strip-debug --enable-deterministic-archives --remove-section=.comment --remove-section=.note "${archive}")
	endforeach()
	if(CPACK_GENERATOR STREQUAL "DEB")
		finish_debian("${root}" "${CPACK_DEBIAN_${upper}_PACKAGE_NAME}" "${CPACK_DEBIAN_PACKAGE_RELEASE}")
	else()
		finish_rpm("${root}" "${CPACK_RPM_${upper}_PACKAGE_NAME}")
	endif()
endforeach()
