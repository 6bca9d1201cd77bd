-- Puts the rows with merged amendments in the place of the chosen ones.
--
-- variable amended_rows  the canonical file of those rows
-- changes  chosen
UPDATE chosen SET filename = n.filename, file_row_number = n.file_row_number
FROM read_parquet(getvariable('amended_rows'), hive_partitioning = false, filename = true,
                  file_row_number = true) n
WHERE chosen.application = n.application AND chosen.conversation_id = n.conversation_id;
