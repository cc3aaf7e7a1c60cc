-- Staff and organisation: departments, posts, people, what they hold, what they can do, when they are on duty, and the areas that
-- stewards serve.

CREATE TABLE department (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT department_company_fk REFERENCES management_company (id),
    name TEXT NOT NULL,
    -- Code of an open set: rules go by it, whatever the department is called.
    kind TEXT NOT NULL,
    parent_id BLOB CONSTRAINT department_parent_fk REFERENCES department (id),
    -- The first day on which it no longer exists.
    closed_on TEXT,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX department_company_idx ON department (company_id, name);

-- Names that a company gives to kinds of departments.
CREATE TABLE department_alias (
    company_id BLOB NOT NULL CONSTRAINT department_alias_company_fk REFERENCES management_company (id),
    alias TEXT NOT NULL,
    -- As it is compared: without blanks, full-width characters and capitals.
    folded TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT department_alias_key UNIQUE (company_id, folded)
) STRICT;

CREATE TABLE post (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT post_company_fk REFERENCES management_company (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    department_id BLOB NOT NULL CONSTRAINT post_department_fk REFERENCES department (id),
    level TEXT NOT NULL,
    duties TEXT NOT NULL,
    -- Two lines upwards: where it works, and in its trade.
    line_superior_id BLOB CONSTRAINT post_line_superior_fk REFERENCES post (id),
    functional_superior_id BLOB CONSTRAINT post_functional_superior_fk REFERENCES post (id),
    -- An optional post may be empty; then its stand-in answers.
    optional INTEGER NOT NULL,
    stand_in_id BLOB CONSTRAINT post_stand_in_fk REFERENCES post (id),
    closed_on TEXT,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT post_stand_in_check CHECK (stand_in_id IS NULL OR optional)
) STRICT;
CREATE INDEX post_company_idx ON post (company_id, kind);
CREATE INDEX post_department_idx ON post (department_id);

CREATE TABLE staff (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT staff_company_fk REFERENCES management_company (id),
    staff_no TEXT NOT NULL,
    -- The number written so that byte order is the order people expect (2 before 10).
    sort_key TEXT NOT NULL,
    name TEXT NOT NULL,
    phone TEXT,
    born_on TEXT,
    education TEXT,
    in_trade_since TEXT,
    joined_on TEXT NOT NULL,
    -- The first day on which they no longer work here.
    left_on TEXT,
    user_id BLOB CONSTRAINT staff_user_fk REFERENCES app_user (id),
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT staff_no_key UNIQUE (company_id, staff_no),
    CONSTRAINT staff_user_key UNIQUE (user_id),
    CONSTRAINT staff_employment_check CHECK (left_on IS NULL OR left_on > joined_on)
) STRICT;
CREATE INDEX staff_order_idx ON staff (company_id, sort_key, id);

CREATE TABLE staff_skill (
    staff_id BLOB NOT NULL CONSTRAINT staff_skill_staff_fk REFERENCES staff (id),
    company_id BLOB NOT NULL CONSTRAINT staff_skill_company_fk REFERENCES management_company (id),
    code TEXT NOT NULL,
    -- From 1, learning, to 5, teaching others.
    level INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT staff_skill_pk PRIMARY KEY (staff_id, code),
    CONSTRAINT staff_skill_level_check CHECK (level BETWEEN 1 AND 5)
) STRICT;
CREATE INDEX staff_skill_code_idx ON staff_skill (company_id, code);

-- Who holds which post, where and when.
CREATE TABLE post_assignment (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT post_assignment_company_fk REFERENCES management_company (id),
    staff_id BLOB NOT NULL CONSTRAINT post_assignment_staff_fk REFERENCES staff (id),
    post_id BLOB NOT NULL CONSTRAINT post_assignment_post_fk REFERENCES post (id),
    -- None for the whole company.
    project_id BLOB CONSTRAINT post_assignment_project_fk REFERENCES project (id),
    starts_on TEXT NOT NULL,
    ends_on TEXT,
    is_primary INTEGER NOT NULL,
    share_permille INTEGER,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT post_assignment_period_check CHECK (ends_on IS NULL OR ends_on > starts_on)
) STRICT;
CREATE INDEX post_assignment_order_idx ON post_assignment (company_id, starts_on, id);
CREATE INDEX post_assignment_staff_idx ON post_assignment (staff_id);
CREATE INDEX post_assignment_post_idx ON post_assignment (post_id);
CREATE INDEX post_assignment_project_idx ON post_assignment (project_id);

CREATE TABLE certificate (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT certificate_company_fk REFERENCES management_company (id),
    staff_id BLOB NOT NULL CONSTRAINT certificate_staff_fk REFERENCES staff (id),
    kind TEXT NOT NULL,
    certificate_no TEXT NOT NULL,
    issuer TEXT,
    issued_on TEXT NOT NULL,
    -- The last day on which it is valid, as it is printed on it.
    expires_on TEXT,
    revoked_on TEXT,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT certificate_no_key UNIQUE (staff_id, kind, certificate_no)
) STRICT;
CREATE INDEX certificate_expiry_idx ON certificate (company_id, expires_on, id);

CREATE TABLE shift (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT shift_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT shift_project_fk REFERENCES project (id),
    staff_id BLOB NOT NULL CONSTRAINT shift_staff_fk REFERENCES staff (id),
    post_id BLOB CONSTRAINT shift_post_fk REFERENCES post (id),
    place TEXT,
    starts_at TEXT NOT NULL,
    ends_at TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT shift_period_check CHECK (ends_at > starts_at)
) STRICT;
CREATE INDEX shift_project_idx ON shift (project_id, starts_at);
CREATE INDEX shift_staff_idx ON shift (staff_id, starts_at);

CREATE TABLE service_area (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT service_area_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT service_area_project_fk REFERENCES project (id),
    name TEXT NOT NULL,
    phone TEXT,
    closed_on TEXT,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT service_area_name_key UNIQUE (project_id, name)
) STRICT;

-- Which units belong to an area, and when. What is over stays.
CREATE TABLE service_area_unit (
    service_area_id BLOB NOT NULL CONSTRAINT service_area_unit_area_fk REFERENCES service_area (id),
    company_id BLOB NOT NULL CONSTRAINT service_area_unit_company_fk REFERENCES management_company (id),
    -- A unit that was entered by mistake can be deleted, wherever it was thought to belong.
    unit_id BLOB NOT NULL CONSTRAINT service_area_unit_unit_fk REFERENCES unit (id) ON DELETE CASCADE,
    starts_on TEXT NOT NULL,
    ends_on TEXT,
    created_at TEXT NOT NULL,
    CONSTRAINT service_area_unit_pk PRIMARY KEY (unit_id, starts_on),
    CONSTRAINT service_area_unit_period_check CHECK (ends_on IS NULL OR ends_on > starts_on)
) STRICT;
-- A unit belongs to one area on a day: writers take turns, and what they leave open is there once.
CREATE UNIQUE INDEX service_area_unit_open_key ON service_area_unit (unit_id) WHERE ends_on IS NULL;
CREATE INDEX service_area_unit_area_idx ON service_area_unit (service_area_id);

CREATE TABLE service_area_steward (
    service_area_id BLOB NOT NULL CONSTRAINT service_area_steward_area_fk REFERENCES service_area (id),
    company_id BLOB NOT NULL CONSTRAINT service_area_steward_company_fk REFERENCES management_company (id),
    staff_id BLOB NOT NULL CONSTRAINT service_area_steward_staff_fk REFERENCES staff (id),
    starts_on TEXT NOT NULL,
    ends_on TEXT,
    created_at TEXT NOT NULL,
    CONSTRAINT service_area_steward_pk PRIMARY KEY (service_area_id, starts_on),
    CONSTRAINT service_area_steward_period_check CHECK (ends_on IS NULL OR ends_on > starts_on)
) STRICT;
CREATE UNIQUE INDEX service_area_steward_open_key ON service_area_steward (service_area_id) WHERE ends_on IS NULL;
CREATE INDEX service_area_steward_staff_idx ON service_area_steward (staff_id);
