-- name: ModelPut :exec
-- Lists a model, or brings it up to date; unchanged it stays untouched.
INSERT INTO public.models AS m (id, provider, name, description, access, input_microusd, cached_input_microusd, output_microusd,
  context_window, output_limit, reasoning, tools, images, files, efforts, listed_at, updated_at)
VALUES (@id, @provider, @name, @description, @access, @input_microusd, @cached_input_microusd, @output_microusd,
  @context_window, @output_limit, @reasoning, @tools, @images, @files, @efforts, @now, @now)
ON CONFLICT (id) DO UPDATE SET
  provider = excluded.provider, name = excluded.name, description = excluded.description, access = excluded.access,
  input_microusd = excluded.input_microusd, cached_input_microusd = excluded.cached_input_microusd, output_microusd = excluded.output_microusd,
  context_window = excluded.context_window, output_limit = excluded.output_limit, reasoning = excluded.reasoning, tools = excluded.tools,
  images = excluded.images, files = excluded.files, efforts = excluded.efforts, updated_at = excluded.updated_at, retired_at = NULL
WHERE (m.provider, m.name, m.description, m.access, m.input_microusd, m.cached_input_microusd, m.output_microusd, m.context_window,
    m.output_limit, m.reasoning, m.tools, m.images, m.files, m.efforts, m.retired_at)
  IS DISTINCT FROM (excluded.provider, excluded.name, excluded.description, excluded.access, excluded.input_microusd,
    excluded.cached_input_microusd, excluded.output_microusd, excluded.context_window, excluded.output_limit, excluded.reasoning,
    excluded.tools, excluded.images, excluded.files, excluded.efforts, NULL::timestamptz);

-- name: ModelRetire :execrows
-- Marks what is offered no more; its prices stay, for what was used.
UPDATE public.models SET retired_at = @now::timestamptz WHERE retired_at IS NULL AND id <> ALL (@listed::text[]);
