# cmake --install: the programs, and libraries, headers and a package with which a program of one's
# own takes models of its own (docs/examples/own-model).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(seqsweep_package ${CMAKE_INSTALL_LIBDIR}/cmake/seqsweep)

install(TARGETS seqsweep make_tables RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(TARGET seqsweep_cuda)
  install(TARGETS seqsweep_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_BINDIR})  # It is looked for beside the program.
endif()
install(TARGETS seqsweep_options base protocol data text eval db coordinator report exports dashboard kernels
                torch_rooms commands program datasets experiments
        EXPORT seqsweep ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/seqsweep
        OBJECTS DESTINATION ${CMAKE_INSTALL_LIBDIR}/seqsweep)
install(EXPORT seqsweep NAMESPACE seqsweep:: FILE seqsweep-targets.cmake DESTINATION ${seqsweep_package})
install(DIRECTORY core coordinator db experiments kernels tools worker
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/seqsweep FILES_MATCHING PATTERN "*.h")

configure_package_config_file(cmake/seqsweep-config.cmake.in ${CMAKE_BINARY_DIR}/seqsweep-config.cmake
  INSTALL_DESTINATION ${seqsweep_package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/seqsweep-config-version.cmake COMPATIBILITY ExactVersion)
install(FILES ${CMAKE_BINARY_DIR}/seqsweep-config.cmake ${CMAKE_BINARY_DIR}/seqsweep-config-version.cmake
              cmake/LinkDependencies.cmake DESTINATION ${seqsweep_package})
