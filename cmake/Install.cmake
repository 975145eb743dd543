# What `cmake --install` lays down. Everything finds itself from its own place, so the tree may be moved.
# In four parts, for cmake/Packages.cmake: lib and tools (the shared libraries), dev, program.

include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/pgmonkey")

install(DIRECTORY include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT dev FILES_MATCHING PATTERN "*.h"
	PATTERN "*.hpp")

# Three export files: a program that links a shared library needs no libyaml of its own, and one that does without the
# tools no uchardet.
install(TARGETS pgmonkey EXPORT pgmonkeyTargets
	LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT lib NAMELINK_COMPONENT dev
	RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT lib)
install(TARGETS pgmonkey-static EXPORT pgmonkeyStaticTargets
	ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT dev)
if(TARGET pgmonkey-tools)
	install(TARGETS pgmonkey-tools EXPORT pgmonkeyTargets
		LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT tools NAMELINK_COMPONENT dev
		RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
	install(TARGETS pgmonkey-tools-static EXPORT pgmonkeyToolsStaticTargets
		ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT dev)
	set_target_properties(pgmonkey-tools PROPERTIES EXPORT_NAME tools)
	set_target_properties(pgmonkey-tools-static PROPERTIES EXPORT_NAME tools-static)
endif()
if(TARGET pgmonkey-program)
	install(TARGETS pgmonkey-program RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT program)
	if(schema_file)
		install(FILES "${schema_file}" DESTINATION "${CMAKE_INSTALL_DATADIR}/pgmonkey" COMPONENT program)
	endif()

	# Where each shell looks; zsh's place is another one on some systems.
	set(PGM_ZSH_DIR "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" CACHE STRING "Where zsh looks for completions")
	mark_as_advanced(PGM_ZSH_DIR)
	install(FILES completion/pgmonkey.bash DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
		RENAME pgmonkey COMPONENT program)
	install(FILES completion/_pgmonkey DESTINATION "${PGM_ZSH_DIR}" COMPONENT program)
	install(FILES completion/pgmonkey.fish DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d"
		COMPONENT program)
endif()
# What is about the library comes with its headers, the rest with the program.
foreach(page IN LISTS man_pages)
	string(REGEX REPLACE ".*\\." "" part "${page}")
	set(component program)
	if(part STREQUAL "3" OR NOT TARGET pgmonkey-program)
		set(component dev)
	endif()
	install(FILES "${page}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man${part}" COMPONENT "${component}")
endforeach()
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT dev)

install(EXPORT pgmonkeyTargets NAMESPACE pgmonkey:: DESTINATION "${package_dir}" COMPONENT dev)
install(EXPORT pgmonkeyStaticTargets NAMESPACE pgmonkey:: DESTINATION "${package_dir}" COMPONENT dev)
if(TARGET pgmonkey-tools)
	install(EXPORT pgmonkeyToolsStaticTargets NAMESPACE pgmonkey:: DESTINATION "${package_dir}" COMPONENT dev)
endif()
configure_package_config_file(cmake/pgmonkeyConfig.cmake.in "${PROJECT_BINARY_DIR}/pgmonkeyConfig.cmake"
	INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/pgmonkeyConfigVersion.cmake" COMPATIBILITY SameMajorVersion)
install(FILES "${PROJECT_BINARY_DIR}/pgmonkeyConfig.cmake" "${PROJECT_BINARY_DIR}/pgmonkeyConfigVersion.cmake"
	DESTINATION "${package_dir}" COMPONENT dev)

# The .pc files name their prefix from where they lie; an absolute folder (some packagers give one) stays.
set(pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
foreach(kind INCLUDEDIR LIBDIR)
	if(IS_ABSOLUTE "${CMAKE_INSTALL_${kind}}")
		set(PC_${kind} "${CMAKE_INSTALL_${kind}}")
	else()
		set(PC_${kind} "\${prefix}/${CMAKE_INSTALL_${kind}}")
	endif()
endforeach()
if(IS_ABSOLUTE "${pc_dir}")
	set(PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
else()
	file(RELATIVE_PATH pc_to_prefix "/prefix/${pc_dir}" "/prefix")
	string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
	set(PC_PREFIX "\${pcfiledir}/${pc_to_prefix}")
endif()
# By name, as pkg-config puts quotes for the shell around folders but not around files.
if(APPLE)
	set(PC_STATIC_LIBRARY "\${libdir}/libpgmonkey.a")
else()
	set(PC_STATIC_LIBRARY "-L\${libdir} -l:libpgmonkey.a")
endif()
set(pc_names pgmonkey pgmonkey-static)
if(TARGET pgmonkey-tools)
	list(APPEND pc_names pgmonkey-tools)
endif()
foreach(name IN LISTS pc_names)
	configure_file("cmake/${name}.pc.in" "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
	install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${pc_dir}" COMPONENT dev)
endforeach()
