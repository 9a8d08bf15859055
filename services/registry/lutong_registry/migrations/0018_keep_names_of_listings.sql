-- What a post may call a service: its title and keywords without what separates them, made by the service. A post is then only
-- compared with services of which it has a name, or most of the title. NULL until the service has indexed a listing anew;
-- until then it is compared as before.
ALTER TABLE listing ADD COLUMN name_keys text[];
