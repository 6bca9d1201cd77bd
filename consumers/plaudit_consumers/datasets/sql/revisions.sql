-- Lists every canonical row of the live root without its content, and chooses those of the snapshot.
--
-- variable conversations_files  the canonical files
-- part by_name              whether a column that a file lacks is null in its rows
-- variable as_of            only rows that the broker received up to this time; null: all
-- variable salt             a different salt gives different splits
-- variable train_end        the end of train, as a number of buckets out of a million
-- variable validation_end   the end of validation, in the same unit
-- table amendments
--
-- makes    revisions        every row
--          latest           the latest row of each conversation today
--          chosen           the latest row of each conversation at that time, with today's consent
--          facts            the facts of a conversation that a condition may use
--          candidates, fates  empty; filled for each subset
CREATE TABLE revisions AS
SELECT application, conversation_id, revision, erased, consent, user_id, finished_at, recorded_at,
       record_offset, source_partition, source_offset, filename, file_row_number
FROM read_parquet(getvariable('conversations_files'), hive_partitioning = false, filename = true,
                  file_row_number = true, union_by_name = ${by_name});

-- Erasures and denied consents count even if they are later than the time of the snapshot.
CREATE TABLE erased AS
SELECT DISTINCT application, conversation_id FROM revisions WHERE erased;

CREATE TABLE latest AS
SELECT * FROM revisions
QUALIFY row_number() OVER (
    PARTITION BY application, conversation_id
    ORDER BY source_offset DESC, record_offset DESC
) = 1;

-- A denial before the latest row was in the state that the row was made from, and so was a grant after it.
CREATE TABLE denials AS
SELECT application, conversation_id FROM latest WHERE consent = 'denied'
UNION
SELECT application, conversation_id
FROM amendments a JOIN latest l USING (application, conversation_id)
WHERE a.consent = 'denied' AND is_after(a, l);

CREATE TABLE chosen AS
WITH known AS (
    SELECT * FROM revisions
    WHERE getvariable('as_of') IS NULL OR recorded_at <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY application, conversation_id
        ORDER BY source_offset DESC, record_offset DESC
    ) = 1
),
-- All rows of a user are in one split. If no user is named, all rows of the conversation are.
placed AS (
    SELECT known.*, denials.application IS NOT NULL AS denied,
           md5_number_lower(to_json(struct_pack(
               salt := getvariable('salt'), application := application,
               kind := CASE WHEN user_id IS NULL THEN 'conversation' ELSE 'user' END,
               id := coalesce(user_id, conversation_id)
           ))::VARCHAR) % 1000000 AS bucket
    FROM known LEFT JOIN denials USING (application, conversation_id)
    ANTI JOIN erased USING (application, conversation_id)
)
SELECT * EXCLUDE (bucket), filename AS source_file, false AS amended,
       CASE WHEN bucket < getvariable('train_end') THEN 'train'
            WHEN bucket < getvariable('validation_end') THEN 'validation'
            ELSE 'test' END AS split
FROM placed;

CREATE TABLE facts AS
SELECT c.application, c.conversation_id, struct_pack(
    source := r.source, end_reason := r.end_reason, started_at := r.started_at, ended_at := r.ended_at,
    recorded_at := r.recorded_at, model := r.model, user_id := r.user_id, variants := r.variants,
    tags := r.tags, prompt := r.prompt, session := r.session, continues := r.continues,
    events := r.events, missing_events := r.missing_events, messages := len(r.messages)
) AS conversation
FROM read_parquet(getvariable('conversations_files'), hive_partitioning = false, filename = true,
                  file_row_number = true, union_by_name = ${by_name}) r
JOIN chosen c USING (filename, file_row_number)
WHERE getvariable('has_condition');

CREATE TABLE candidates (
    subset VARCHAR, filename VARCHAR, file_row_number BIGINT, split VARCHAR, wanted BOOLEAN, denied BOOLEAN,
    marked BOOLEAN, finished_at TIMESTAMPTZ, source_partition INTEGER, source_offset BIGINT, parts VARCHAR,
    content VARCHAR, prompt VARCHAR
);

CREATE TABLE fates (
    subset VARCHAR, filename VARCHAR, file_row_number BIGINT, split VARCHAR, marked BOOLEAN, fate VARCHAR,
    position BIGINT
);
