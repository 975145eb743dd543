# What `cmake --install` lays down. Everything finds itself from its own place, so the tree may be moved.

include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/pgmonkey")

install(DIRECTORY include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")

# Three export files: a program that links a shared library needs no libyaml of its own, and one that does without the
# tools no uchardet.
install(TARGETS pgmonkey EXPORT pgmonkeyTargets
	LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS pgmonkey-static EXPORT pgmonkeyStaticTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
if(TARGET pgmonkey-tools)
	install(TARGETS pgmonkey-tools EXPORT pgmonkeyTargets
		LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
	install(TARGETS pgmonkey-tools-static EXPORT pgmonkeyToolsStaticTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
	set_target_properties(pgmonkey-tools PROPERTIES EXPORT_NAME tools)
	set_target_properties(pgmonkey-tools-static PROPERTIES EXPORT_NAME tools-static)
endif()
if(TARGET pgmonkey-program)
	install(TARGETS pgmonkey-program RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
	if(schema_file)
		install(FILES "${schema_file}" DESTINATION "${CMAKE_INSTALL_DATADIR}/pgmonkey")
	endif()
endif()
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

install(EXPORT pgmonkeyTargets NAMESPACE pgmonkey:: DESTINATION "${package_dir}")
install(EXPORT pgmonkeyStaticTargets NAMESPACE pgmonkey:: DESTINATION "${package_dir}")
if(TARGET pgmonkey-tools)
	install(EXPORT pgmonkeyToolsStaticTargets NAMESPACE pgmonkey:: DESTINATION "${package_dir}")
endif()
configure_package_config_file(cmake/pgmonkeyConfig.cmake.in "${PROJECT_BINARY_DIR}/pgmonkeyConfig.cmake"
	INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/pgmonkeyConfigVersion.cmake" COMPATIBILITY SameMajorVersion)
install(FILES "${PROJECT_BINARY_DIR}/pgmonkeyConfig.cmake" "${PROJECT_BINARY_DIR}/pgmonkeyConfigVersion.cmake"
	DESTINATION "${package_dir}")

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
	install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${pc_dir}")
endforeach()
