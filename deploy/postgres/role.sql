-- The roles of a Consentline database, run once by its administrator:
--   psql -v ON_ERROR_STOP=1 -d consentline -f role.sql
-- The owner brings the schema up to date and needs the right to create; give it to one start of a new release, or let
-- every node use it. The node role can do all that a node does between releases, and cannot drop or alter anything.
-- Set passwords afterwards with \password, so that they stand in no file.

CREATE ROLE consentline_owner LOGIN;
CREATE ROLE consentline_node LOGIN CONNECTION LIMIT 200;

CREATE SCHEMA consentline AUTHORIZATION consentline_owner;
GRANT USAGE ON SCHEMA consentline TO consentline_node;
ALTER ROLE consentline_owner SET search_path = consentline;
ALTER ROLE consentline_node SET search_path = consentline;

-- A role that is in a hurry to acknowledge would be refused by the program; nobody should set this by mistake.
ALTER ROLE consentline_owner SET synchronous_commit = on;
ALTER ROLE consentline_node SET synchronous_commit = on;

-- Entries are only ever added. Rows that must go, go: a subject who is erased, a list that is replaced.
ALTER DEFAULT PRIVILEGES FOR ROLE consentline_owner IN SCHEMA consentline
	GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO consentline_node;
