const list = document.querySelector('#todos');
const form = document.querySelector('#new');

async function show() {
  const todos = await (await fetch('/todos')).json();
  list.replaceChildren(
    ...todos.map(({ title, done }) => {
      const item = document.createElement('li');
      item.textContent = title;
      item.classList.toggle('done', done);
      return item;
    }),
  );
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const title = new FormData(form).get('title');
  await fetch('/todos', { method: 'POST', body: JSON.stringify({ title }) });
  form.reset();
  await show();
});

await show();
