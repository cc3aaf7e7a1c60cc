-- Tickets: what somebody asks of the office, from intake to the call back; the working calendars that their deadlines follow.

-- Every change is a version of its own: a deadline is explained by the calendar that it was made with.
CREATE TABLE working_calendar (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT working_calendar_company_fk REFERENCES management_company (id),
    -- None for the company's.
    project_id BLOB CONSTRAINT working_calendar_project_fk REFERENCES project (id),
    version INTEGER NOT NULL,
    -- Hours of the week and days that differ, as JSON.
    calendar TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX working_calendar_company_key ON working_calendar (company_id, version) WHERE project_id IS NULL;
CREATE UNIQUE INDEX working_calendar_project_key ON working_calendar (project_id, version) WHERE project_id IS NOT NULL;

-- Kinds and categories.
CREATE TABLE ticket_declaration (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT ticket_declaration_company_fk REFERENCES management_company (id),
    -- None for the company's.
    project_id BLOB CONSTRAINT ticket_declaration_project_fk REFERENCES project (id),
    noun TEXT NOT NULL,
    code TEXT NOT NULL,
    -- As JSON.
    declared TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX ticket_declaration_company_key ON ticket_declaration (company_id, noun, code) WHERE project_id IS NULL;
CREATE UNIQUE INDEX ticket_declaration_project_key ON ticket_declaration (project_id, noun, code) WHERE project_id IS NOT NULL;

-- The last number of each project and year: taken in the transaction of the ticket, so that numbers have no gaps.
CREATE TABLE ticket_counter (
    project_id BLOB NOT NULL CONSTRAINT ticket_counter_project_fk REFERENCES project (id),
    company_id BLOB NOT NULL CONSTRAINT ticket_counter_company_fk REFERENCES management_company (id),
    year INTEGER NOT NULL,
    last INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT ticket_counter_pk PRIMARY KEY (project_id, year)
) STRICT;

CREATE TABLE ticket (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT ticket_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT ticket_project_fk REFERENCES project (id),
    ticket_no TEXT NOT NULL,
    kind TEXT NOT NULL,
    category TEXT NOT NULL,
    priority TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    unit_id BLOB CONSTRAINT ticket_unit_fk REFERENCES unit (id) DEFERRABLE INITIALLY DEFERRED,
    place TEXT NOT NULL,
    words TEXT NOT NULL,
    caller_name TEXT NOT NULL,
    caller_phone TEXT NOT NULL,
    -- Who works on it. The records of staff are the organisation's: tied to them where both stand in one schema.
    assignee BLOB,
    offered INTEGER NOT NULL,
    level TEXT,
    effective INTEGER,
    late INTEGER NOT NULL,
    follow_up INTEGER NOT NULL,
    not_reached INTEGER NOT NULL,
    taken_in_by TEXT NOT NULL,
    owner_link_id BLOB CONSTRAINT ticket_owner_link_fk REFERENCES owner_link (id),
    response_due_at TEXT,
    solve_due_at TEXT,
    follow_up_due_at TEXT,
    accepted_at TEXT,
    started_at TEXT,
    solved_at TEXT,
    ended_at TEXT,
    moved_at TEXT NOT NULL,
    moves INTEGER NOT NULL,
    -- As JSON.
    routing TEXT NOT NULL,
    calendar_version INTEGER NOT NULL,
    version INTEGER NOT NULL,
    -- What it has to meet next; none while nothing runs.
    due_at TEXT,
    created_at TEXT NOT NULL,
    CONSTRAINT ticket_no_key UNIQUE (project_id, ticket_no)
) STRICT;
-- Lists go from the newest back, narrowed by one of these and filtered by the rest.
CREATE INDEX ticket_project_idx ON ticket (project_id, id);
CREATE INDEX ticket_state_idx ON ticket (project_id, state, id);
CREATE INDEX ticket_kind_idx ON ticket (project_id, kind, id);
CREATE INDEX ticket_unit_idx ON ticket (unit_id, id) WHERE unit_id IS NOT NULL;
CREATE INDEX ticket_assignee_idx ON ticket (assignee, id) WHERE assignee IS NOT NULL;
CREATE INDEX ticket_phone_idx ON ticket (project_id, caller_phone, id) WHERE caller_phone <> '';
CREATE INDEX ticket_link_idx ON ticket (owner_link_id, id) WHERE owner_link_id IS NOT NULL;
-- Few of millions are open: these stay small.
CREATE INDEX ticket_open_idx ON ticket (project_id, id) WHERE ended_at IS NULL;
CREATE INDEX ticket_open_assignee_idx ON ticket (assignee, id) WHERE ended_at IS NULL AND assignee IS NOT NULL;
CREATE INDEX ticket_due_idx ON ticket (project_id, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX ticket_due_assignee_idx ON ticket (assignee, due_at, id) WHERE due_at IS NOT NULL AND assignee IS NOT NULL;

CREATE TABLE ticket_move (
    ticket_id BLOB NOT NULL CONSTRAINT ticket_move_ticket_fk REFERENCES ticket (id),
    company_id BLOB NOT NULL CONSTRAINT ticket_move_company_fk REFERENCES management_company (id),
    number INTEGER NOT NULL,
    made TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    moved_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    assignee BLOB,
    -- When it was made; never before the move before it.
    created_at TEXT NOT NULL,
    CONSTRAINT ticket_move_pk PRIMARY KEY (ticket_id, number)
) STRICT;

CREATE TABLE follow_up (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT follow_up_company_fk REFERENCES management_company (id),
    ticket_id BLOB NOT NULL CONSTRAINT follow_up_ticket_fk REFERENCES ticket (id),
    result TEXT NOT NULL,
    channel TEXT NOT NULL,
    score INTEGER,
    words TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT follow_up_score_check CHECK (score IS NULL OR score BETWEEN 1 AND 5)
) STRICT;
CREATE INDEX follow_up_ticket_idx ON follow_up (ticket_id, id);

-- Deadlines and escalation steps. One that has fired stays; one that is not needed any more goes.
CREATE TABLE ticket_timer (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT ticket_timer_company_fk REFERENCES management_company (id),
    ticket_id BLOB NOT NULL CONSTRAINT ticket_timer_ticket_fk REFERENCES ticket (id),
    kind TEXT NOT NULL,
    level TEXT,
    clock TEXT NOT NULL,
    -- None while its ticket is suspended: then so much of it is left.
    due_at TEXT,
    left_ms INTEGER,
    fired_at TEXT,
    worker TEXT,
    lease_until TEXT,
    created_at TEXT NOT NULL,
    CONSTRAINT ticket_timer_runs_check CHECK ((due_at IS NULL) <> (left_ms IS NULL))
) STRICT;
CREATE INDEX ticket_timer_ticket_idx ON ticket_timer (ticket_id);
CREATE INDEX ticket_timer_due_idx ON ticket_timer (due_at) WHERE fired_at IS NULL AND due_at IS NOT NULL;
CREATE INDEX ticket_timer_worker_idx ON ticket_timer (worker) WHERE worker IS NOT NULL;

-- Links for owners. What a link says is signed with its company's key; taking it back is written here.
CREATE TABLE owner_link_key (
    company_id BLOB PRIMARY KEY NOT NULL CONSTRAINT owner_link_key_company_fk REFERENCES management_company (id),
    secret BLOB NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE TABLE owner_link (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT owner_link_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT owner_link_project_fk REFERENCES project (id),
    -- Either of both.
    unit_id BLOB CONSTRAINT owner_link_unit_fk REFERENCES unit (id) DEFERRABLE INITIALLY DEFERRED,
    ticket_id BLOB CONSTRAINT owner_link_ticket_fk REFERENCES ticket (id),
    expires_at TEXT NOT NULL,
    revoked_at TEXT,
    made_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT owner_link_about_check CHECK ((unit_id IS NULL) <> (ticket_id IS NULL))
) STRICT;
CREATE INDEX owner_link_unit_idx ON owner_link (unit_id) WHERE unit_id IS NOT NULL;
CREATE INDEX owner_link_ticket_idx ON owner_link (ticket_id) WHERE ticket_id IS NOT NULL;

-- The job given to staff or a contractor; a ticket may have several.
CREATE TABLE work_order (
    id BLOB PRIMARY KEY NOT NULL,
    company_id BLOB NOT NULL CONSTRAINT work_order_company_fk REFERENCES management_company (id),
    project_id BLOB NOT NULL CONSTRAINT work_order_project_fk REFERENCES project (id),
    ticket_id BLOB NOT NULL CONSTRAINT work_order_ticket_fk REFERENCES ticket (id),
    -- From 1 in each ticket.
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    assignee BLOB,
    -- As JSON.
    checklist TEXT NOT NULL,
    parts TEXT NOT NULL,
    minutes INTEGER NOT NULL,
    payment TEXT NOT NULL,
    quote_fen INTEGER,
    quoted_for TEXT NOT NULL,
    answered_by TEXT,
    answered_at TEXT,
    completed_at TEXT,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT work_order_number_key UNIQUE (ticket_id, number),
    CONSTRAINT work_order_quote_check CHECK (quote_fen IS NULL OR quote_fen > 0)
) STRICT;
CREATE INDEX work_order_project_idx ON work_order (project_id, id);
CREATE INDEX work_order_to_charge_idx ON work_order (project_id, id) WHERE payment = 'to-charge';

-- History is not rewritten, and what has ended is not changed.
CREATE TRIGGER ticket_move_no_update BEFORE UPDATE ON ticket_move
    BEGIN SELECT RAISE (ABORT, 'append only'); END;
CREATE TRIGGER ticket_move_no_delete BEFORE DELETE ON ticket_move
    BEGIN SELECT RAISE (ABORT, 'append only'); END;
CREATE TRIGGER follow_up_no_update BEFORE UPDATE ON follow_up
    BEGIN SELECT RAISE (ABORT, 'append only'); END;
CREATE TRIGGER follow_up_no_delete BEFORE DELETE ON follow_up
    BEGIN SELECT RAISE (ABORT, 'append only'); END;
CREATE TRIGGER working_calendar_no_update BEFORE UPDATE ON working_calendar
    BEGIN SELECT RAISE (ABORT, 'append only'); END;
CREATE TRIGGER working_calendar_no_delete BEFORE DELETE ON working_calendar
    BEGIN SELECT RAISE (ABORT, 'append only'); END;
CREATE TRIGGER ticket_ended_no_update BEFORE UPDATE ON ticket WHEN OLD.ended_at IS NOT NULL
    BEGIN SELECT RAISE (ABORT, 'append only'); END;
CREATE TRIGGER ticket_ended_no_delete BEFORE DELETE ON ticket WHEN OLD.ended_at IS NOT NULL
    BEGIN SELECT RAISE (ABORT, 'append only'); END;
