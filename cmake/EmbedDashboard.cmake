# The dashboard's page (tools/dashboard/app.*) becomes generated/tools/dashboard/page_files.h, so that
# the program carries it and asks for nothing outside.
foreach(kind html css js)
  set(dashboard_file ${CMAKE_SOURCE_DIR}/tools/dashboard/app.${kind})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${dashboard_file})
  file(READ ${dashboard_file} dashboard_${kind})
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/tools/dashboard/page_files.h @ONLY CONTENT
[[// Generated from tools/dashboard/app.html, app.css and app.js.
#pragma once

namespace seqsweep {

inline constexpr const char* kPageHtml = R"page(@dashboard_html@)page";
inline constexpr const char* kPageCss = R"page(@dashboard_css@)page";
inline constexpr const char* kPageJs = R"page(@dashboard_js@)page";

}  // namespace seqsweep
]])
