// Import, export and the training of the real network.

import { get, post } from './api.js';

const element = (id) => document.getElementById(id);

export async function setUpFiles({ say, tell, refresh }) {
  const formats = await get('formats');
  element('format').replaceChildren(...formats.map((name) => new Option(name)));
  element('format').value = 'clicks';
  element('import').addEventListener('change', tell(async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    const { report } = await post('import', { name: file.name }, file);
    event.target.value = '';
    await refresh();
    say(report);
  }));
  element('export').addEventListener('click', tell(async () => {
    const masks = element('masks').checked ? { masks: 1 } : {};
    say('writing …');
    const timer = setInterval(async () => {
      const { done, total } = await get('exporting');
      if (done && element('export').disabled) say(`writing: ${done} of ${total} masks`);
    }, 1000);
    element('export').disabled = true;
    try {
      const { folder, lost } = await post('export', { format: element('format').value, ...masks });
      say([`written to ${folder}`, ...lost].join('; '));
    } finally {
      element('export').disabled = false;
      clearInterval(timer);
    }
  }));
  element('train').addEventListener('click', tell(async () => {
    showTraining(await post('train'));
    follow(tell);
  }));
  element('deepen').addEventListener('click', tell(async () => {
    say('taking the features of the trained network …');
    await post('deepen');
    await refresh();
    say('masks now follow the trained network');
  }));
  const status = await get('training');
  showTraining(status);
  if (status.state === 'running') follow(tell);
}

function follow(tell) {
  const timer = setInterval(tell(async () => {
    const status = await get('training');
    showTraining(status);
    if (status.state !== 'running') clearInterval(timer);
  }), 2000);
}

function showTraining({ state, log, checkpoint }) {
  const box = element('log');
  box.hidden = state === 'none';
  box.textContent = `${state}\n${log}`;
  box.scrollTop = box.scrollHeight;
  element('train').disabled = state === 'running';
  element('deepen').disabled = !checkpoint;
}
