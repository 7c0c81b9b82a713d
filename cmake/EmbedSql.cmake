# db/schema.sql and db/migrations/NNNN_*.sql become generated/db/embedded_sql.h, so that the binaries
# carry them.
file(GLOB migration_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/db/migrations/*.sql)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${CMAKE_SOURCE_DIR}/db/schema.sql ${migration_files})
file(READ ${CMAKE_SOURCE_DIR}/db/schema.sql schema_sql)
set(migrations_sql "")
foreach(migration_file ${migration_files})
  get_filename_component(migration_name ${migration_file} NAME)
  string(REGEX MATCH "^[0-9]+" migration_version ${migration_name})
  file(READ ${migration_file} migration_sql)
  string(APPEND migrations_sql "    {${migration_version}, R\"sql(${migration_sql})sql\"},\n")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/db/embedded_sql.h @ONLY CONTENT
[[// Generated from db/schema.sql and db/migrations/.
#pragma once

#include <vector>

#include "db/schema.h"

namespace seqsweep {

inline constexpr const char* kSchemaSql = R"sql(@schema_sql@)sql";
inline const std::vector<Migration> kMigrations = {
@migrations_sql@};

}  // namespace seqsweep
]])
