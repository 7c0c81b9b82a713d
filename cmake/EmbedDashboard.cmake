# The dashboard's page (in tools/dashboard) becomes generated/tools/dashboard/page_files.h, so that the
# program carries it and asks for nothing outside. Its scripts become one, in this order.
set(dashboard_html_files app.html)
set(dashboard_css_files app.css)
set(dashboard_js_files elements.js charts.js app.js)
foreach(kind html css js)
  set(dashboard_${kind} "")
  foreach(name ${dashboard_${kind}_files})
    set(dashboard_file ${CMAKE_SOURCE_DIR}/tools/dashboard/${name})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${dashboard_file})
    file(READ ${dashboard_file} dashboard_text)
    string(APPEND dashboard_${kind} "${dashboard_text}")
  endforeach()
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/tools/dashboard/page_files.h @ONLY CONTENT
[[// Generated from the page's files in tools/dashboard.
#pragma once

namespace seqsweep {

inline constexpr const char* kPageHtml = R"page(@dashboard_html@)page";
inline constexpr const char* kPageCss = R"page(@dashboard_css@)page";
inline constexpr const char* kPageJs = R"page(@dashboard_js@)page";

}  // namespace seqsweep
]])
