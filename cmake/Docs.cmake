# Man pages, from man/*.scd; and, for whoever works on the code, what scripts/docs.sh makes pages of.

set(man_pages "")
if(NOT top_level)
	return()
endif()

find_program(PGM_SCDOC scdoc DOC "Makes the man pages; without it there are none")
mark_as_advanced(PGM_SCDOC)
if(PGM_SCDOC)
	file(GLOB man_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/man/*.scd")
	foreach(source IN LISTS man_sources)
		get_filename_component(name "${source}" NAME_WLE)
		set(page "${PROJECT_BINARY_DIR}/man/${name}")
		# Into a file of another name first: a page that scdoc did not like is not there the next time.
		add_custom_command(OUTPUT "${page}" DEPENDS "${source}" VERBATIM
			COMMAND "${CMAKE_COMMAND}" -E make_directory "${PROJECT_BINARY_DIR}/man"
			COMMAND sh -c "\"$1\" <\"$2\" >\"$3.part\" && mv \"$3.part\" \"$3\"" scdoc "${PGM_SCDOC}" "${source}" "${page}"
			COMMENT "Making man/${name}")
		list(APPEND man_pages "${page}")
	endforeach()
	add_custom_target(pgmonkey-man ALL DEPENDS ${man_pages})
else()
	message(STATUS "There is no scdoc: the man pages are not made")
endif()

if(PGM_TESTS)
	add_executable(pgmonkey-docs-settings "${PROJECT_SOURCE_DIR}/docs/make/settings.c")
	target_include_directories(pgmonkey-docs-settings PRIVATE src)
	target_link_libraries(pgmonkey-docs-settings PRIVATE pgmonkey-private pgmonkey::static)
	set_target_properties(pgmonkey-docs-settings PROPERTIES OUTPUT_NAME settings
		RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/docs")
endif()
